#include "model/random/word_source.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "base/philox.h"

namespace kilter {
namespace {

// Words that stand after a space, and pieces that do not.
constexpr std::string_view kCommonWords =
    "the of and to in a is that it was for on with as be at by this have from or one had not but what "
    "all were we when your can said there use an each which she do how their if will up other about out "
    "many then them these so some her would make like him into time has look two more write go see "
    "number no way could people my than first water been call who its now find long down day did get "
    "come made may part over new sound take only little work know place year live me back give most very "
    "after thing our just name good sentence man think say great where help through much before line "
    "right too mean old any same tell boy follow world capital France";
constexpr std::string_view kCommonPieces =
    "ing ed er ly tion ment ness able The Hello caf\u00e9 na\u00efve \u00fcber se\u00f1or "
    "\u0417\u0434\u0440\u0430\u0432 \u043c\u0438\u0440 \u4f60\u597d \u4e16\u754c \u65e5\u672c "
    "\u03b1\u03b2\u03b3 \u0645\u0631\u062d\u0628\u0627 \U0001f642";

void add_split(std::string_view list, std::string_view before, std::vector<std::string>& words) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    words.emplace_back(before).append(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

const std::vector<std::string>& common_words() {
  static const std::vector<std::string> kWords = [] {
    std::vector<std::string> words;
    add_split(kCommonWords, " ", words);
    add_split(kCommonPieces, "", words);
    return words;
  }();
  return kWords;
}

constexpr std::array<std::string_view, 32> kOnsets = {
    "",   "b",  "c",  "d",  "f",  "g",  "h",  "l",  "m",  "n",  "p",  "r",  "s",  "t",  "v",  "w",
    "br", "ch", "cl", "cr", "dr", "fl", "gr", "pl", "pr", "qu", "sh", "sl", "sp", "st", "th", "tr"};
constexpr std::array<std::string_view, 16> kNuclei = {"a", "e",  "i",  "o",  "u",  "a",  "e",  "i",
                                                      "o", "ai", "ea", "ee", "ie", "io", "oa", "ou"};
constexpr std::array<std::string_view, 16> kCodas = {"",   "n",  "r",  "s",  "t",  "l",  "m",  "d",
                                                     "ck", "ng", "nd", "nt", "st", "sh", "rd", "x"};

// Thirteen random bits a syllable.
void add_syllable(std::string& word, uint32_t bits) {
  word += kOnsets[bits % 32];
  word += kNuclei[bits / 32 % 16];
  word += kCodas[bits / 512 % 16];
}

constexpr PhiloxKey kWordKey = {0x776f7264, 0x73};  // "words"

}  // namespace

std::string nth_word(uint64_t index) {
  if (index < common_words().size()) return common_words()[index];
  const auto [low, high] = philox_words(index);
  const PhiloxCounter random = philox4x32({low, high, 0, 0}, kWordKey);
  std::string word = random[0] % 4 != 0 ? " " : "";
  const size_t start = word.size();
  const uint32_t most_syllables = index < 1000 ? 1 : index < 20000 ? 2 : 3;
  const uint32_t syllables = 1 + (random[0] >> 8) % most_syllables;
  for (uint32_t i = 0; i < syllables; ++i) add_syllable(word, random[1 + i]);
  const bool capital = (random[0] >> 16) % 8 == 0;
  if (capital) word[start] = static_cast<char>(word[start] - 'a' + 'A');
  return word;
}

}  // namespace kilter
