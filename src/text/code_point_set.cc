#include "text/code_point_set.h"

#include <utf8proc.h>

#include <algorithm>

namespace kilter::text {
namespace {

constexpr uint32_t bit(utf8proc_category_t category) { return 1u << category; }

constexpr uint32_t kCasedLetters =
    bit(UTF8PROC_CATEGORY_LU) | bit(UTF8PROC_CATEGORY_LL) | bit(UTF8PROC_CATEGORY_LT);
constexpr uint32_t kLetters = kCasedLetters | bit(UTF8PROC_CATEGORY_LM) | bit(UTF8PROC_CATEGORY_LO);
constexpr uint32_t kMarks = bit(UTF8PROC_CATEGORY_MN) | bit(UTF8PROC_CATEGORY_MC) | bit(UTF8PROC_CATEGORY_ME);
constexpr uint32_t kNumbers =
    bit(UTF8PROC_CATEGORY_ND) | bit(UTF8PROC_CATEGORY_NL) | bit(UTF8PROC_CATEGORY_NO);
constexpr uint32_t kPunctuation = bit(UTF8PROC_CATEGORY_PC) | bit(UTF8PROC_CATEGORY_PD) |
                                  bit(UTF8PROC_CATEGORY_PS) | bit(UTF8PROC_CATEGORY_PE) |
                                  bit(UTF8PROC_CATEGORY_PI) | bit(UTF8PROC_CATEGORY_PF) |
                                  bit(UTF8PROC_CATEGORY_PO);
constexpr uint32_t kSymbols = bit(UTF8PROC_CATEGORY_SM) | bit(UTF8PROC_CATEGORY_SC) |
                              bit(UTF8PROC_CATEGORY_SK) | bit(UTF8PROC_CATEGORY_SO);
constexpr uint32_t kSeparators =
    bit(UTF8PROC_CATEGORY_ZS) | bit(UTF8PROC_CATEGORY_ZL) | bit(UTF8PROC_CATEGORY_ZP);

struct NamedCategories {
  std::string_view name;
  uint32_t categories;
};

constexpr NamedCategories kProperties[] = {
    {"L", kLetters},
    {"Lu", bit(UTF8PROC_CATEGORY_LU)},
    {"Ll", bit(UTF8PROC_CATEGORY_LL)},
    {"Lt", bit(UTF8PROC_CATEGORY_LT)},
    {"Lm", bit(UTF8PROC_CATEGORY_LM)},
    {"Lo", bit(UTF8PROC_CATEGORY_LO)},
    {"M", kMarks},
    {"N", kNumbers},
    {"P", kPunctuation},
    {"S", kSymbols},
};

/// Script=Han. Source: Unicode 15.1, Scripts.txt.
constexpr CodePointSet::Range kHan[] = {
    {0x2E80, 0x2E99},   {0x2E9B, 0x2EF3},   {0x2F00, 0x2FD5},   {0x3005, 0x3005},   {0x3007, 0x3007},
    {0x3021, 0x3029},   {0x3038, 0x303B},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xF900, 0xFA6D},
    {0xFA70, 0xFAD9},   {0x16FE2, 0x16FE3}, {0x16FF0, 0x16FF1}, {0x20000, 0x2A6DF}, {0x2A700, 0x2B739},
    {0x2B740, 0x2B81D}, {0x2B820, 0x2CEA1}, {0x2CEB0, 0x2EBE0}, {0x2EBF0, 0x2EE5D}, {0x2F800, 0x2FA1D},
    {0x30000, 0x3134A}, {0x31350, 0x323AF},
};

/// Word characters of other categories: the superscripts and fractions of Latin-1, which Oniguruma (the
/// engine of Hugging Face's tokenizers) counts as such, and the circled and squared letters, which are
/// Alphabetic.
constexpr CodePointSet::Range kOtherWord[] = {
    {0xB2, 0xB3},       {0xB9, 0xB9},       {0xBC, 0xBE},       {0x24B6, 0x24E9},
    {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
};

}  // namespace

uint32_t general_category(char32_t code_point) {
  return static_cast<uint32_t>(utf8proc_category(static_cast<utf8proc_int32_t>(code_point)));
}

bool CodePointSet::contains(char32_t code_point) const {
  const bool in_category = (categories >> general_category(code_point)) & 1u;
  const bool listed =
      in_category || std::any_of(ranges.begin(), ranges.end(), [code_point](const Range& range) {
        return code_point >= range.first && code_point <= range.last;
      });
  if (listed == negated) return false;
  return std::all_of(also_in.begin(), also_in.end(),
                     [code_point](const CodePointSet& other) { return other.contains(code_point); });
}

bool CodePointSet::add_property(std::string_view name) {
  if (name == "Han") {
    ranges.insert(ranges.end(), std::begin(kHan), std::end(kHan));
    return true;
  }
  for (const NamedCategories& property : kProperties) {
    if (property.name != name) continue;
    categories |= property.categories;
    return true;
  }
  return false;
}

void CodePointSet::add_white_space() {
  constexpr Range kControls = {0x09, 0x0D};
  constexpr Range kNextLine = {0x85, 0x85};
  categories |= kSeparators;
  ranges.push_back(kControls);
  ranges.push_back(kNextLine);
}

void CodePointSet::add_word_characters() {
  categories |=
      kLetters | kMarks | bit(UTF8PROC_CATEGORY_ND) | bit(UTF8PROC_CATEGORY_NL) | bit(UTF8PROC_CATEGORY_PC);
  ranges.insert(ranges.end(), std::begin(kOtherWord), std::end(kOtherWord));
}

void CodePointSet::add_decimal_digits() { categories |= bit(UTF8PROC_CATEGORY_ND); }

}  // namespace kilter::text
