#include "text/unicode.h"

#include <cstdint>

namespace kilter::text {
namespace {

/// A row of table 3-7: which second bytes may follow a lead byte, and how long the sequence is. All later
/// bytes are 80..BF. The narrowed second bytes keep out overlong forms, surrogates and numbers above
/// U+10FFFF.
struct LeadRule {
  uint8_t first_lead, last_lead;
  uint8_t length;
  uint8_t second_low, second_high;
};

constexpr LeadRule kLeadRules[] = {
    {0x00, 0x7F, 1, 0x00, 0x00}, {0xC2, 0xDF, 2, 0x80, 0xBF}, {0xE0, 0xE0, 3, 0xA0, 0xBF},
    {0xE1, 0xEC, 3, 0x80, 0xBF}, {0xED, 0xED, 3, 0x80, 0x9F}, {0xEE, 0xEF, 3, 0x80, 0xBF},
    {0xF0, 0xF0, 4, 0x90, 0xBF}, {0xF1, 0xF3, 4, 0x80, 0xBF}, {0xF4, 0xF4, 4, 0x80, 0x8F},
};

/// Bits of the lead byte that belong to the code point, by the sequence's length.
constexpr uint8_t kLeadPayload[] = {0x00, 0x7F, 0x1F, 0x0F, 0x07};

const LeadRule* find_rule(uint8_t lead) {
  for (const LeadRule& rule : kLeadRules) {
    if (lead >= rule.first_lead && lead <= rule.last_lead) return &rule;
  }
  return nullptr;
}

uint8_t byte_at(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

}  // namespace

Utf8Step read_utf8(std::string_view text, size_t offset) {
  const uint8_t lead = byte_at(text, offset);
  const LeadRule* rule = find_rule(lead);
  if (rule == nullptr) return {kReplacementCharacter, 1, false};
  char32_t code_point = lead & kLeadPayload[rule->length];
  for (size_t i = 1; i < rule->length; ++i) {
    if (offset + i >= text.size()) return {kReplacementCharacter, i, false};
    const uint8_t byte = byte_at(text, offset + i);
    const uint8_t low = i == 1 ? rule->second_low : uint8_t{0x80};
    const uint8_t high = i == 1 ? rule->second_high : uint8_t{0xBF};
    if (byte < low || byte > high) return {kReplacementCharacter, i, false};
    code_point = (code_point << 6) | (byte & 0x3Fu);
  }
  return {code_point, rule->length, true};
}

void append_utf8(std::string& text, char32_t code_point) {
  const bool is_surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
  if (is_surrogate || code_point > 0x10FFFF) code_point = kReplacementCharacter;
  const auto put = [&text](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  const auto put_tail = [&put, code_point](int shift) { put(0x80u | ((code_point >> shift) & 0x3Fu)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0u | (code_point >> 6));
    put_tail(0);
  } else if (code_point < 0x10000) {
    put(0xE0u | (code_point >> 12));
    put_tail(6);
    put_tail(0);
  } else {
    put(0xF0u | (code_point >> 18));
    put_tail(12);
    put_tail(6);
    put_tail(0);
  }
}

std::string to_valid_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  for (size_t offset = 0; offset < text.size();) {
    const Utf8Step step = read_utf8(text, offset);
    if (step.well_formed) {
      valid.append(text.substr(offset, step.length));
    } else {
      append_utf8(valid, kReplacementCharacter);
    }
    offset += step.length;
  }
  return valid;
}

size_t unfinished_utf8_length(std::string_view text) {
  constexpr size_t kLongestUnfinished = 3;
  for (size_t length = 1; length <= kLongestUnfinished && length <= text.size(); ++length) {
    const size_t start = text.size() - length;
    const LeadRule* rule = find_rule(byte_at(text, start));
    if (rule == nullptr) continue;
    const Utf8Step step = read_utf8(text, start);
    const bool reaches_the_end = start + step.length == text.size();
    return !step.well_formed && reaches_the_end ? length : 0;
  }
  return 0;
}

}  // namespace kilter::text
