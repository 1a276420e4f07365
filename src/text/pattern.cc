#include "text/pattern.h"

#include <optional>
#include <utility>

#include "text/unicode.h"

namespace kilter::text {
namespace {

/// What a backslash and the letters after it mean inside a set.
struct Escape {
  CodePointSet set;                    // \p{L}, \s, \d ...
  std::optional<char32_t> code_point;  // \n, \\, \] ...: one character, which may begin a range
};

char32_t escaped_control(char32_t letter) {
  switch (letter) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return letter;
  }
}

class PatternParser {
 public:
  explicit PatternParser(std::string_view pattern) : pattern_(pattern) {}

  Result<std::vector<PatternPart>> parse() {
    while (!at_end()) {
      if (peek() == U'[') {
        KILTER_ASSIGN(CodePointSet set, parse_brackets());
        parts_.push_back({{}, std::move(set)});
      } else if (names_a_set()) {
        KILTER_ASSIGN(Escape escape, parse_escape());
        parts_.push_back({{}, std::move(escape.set)});
      } else if (peek() >= 0x80) {
        CodePointSet single;
        const char32_t code_point = next();
        single.ranges.push_back({code_point, code_point});
        parts_.push_back({{}, std::move(single)});
      } else {
        copy_syntax();
      }
    }
    return std::move(parts_);
  }

 private:
  bool at_end() const { return offset_ >= pattern_.size(); }
  char32_t peek() const { return at_end() ? U'\0' : read_utf8(pattern_, offset_).code_point; }
  bool looking_at(std::string_view text) const { return pattern_.substr(offset_).starts_with(text); }

  char32_t next() {
    const Utf8Step step = read_utf8(pattern_, offset_);
    offset_ += step.length;
    return step.code_point;
  }

  bool names_a_set() const {
    constexpr std::string_view kSetLetters = "psSdw";
    return peek() == U'\\' && offset_ + 1 < pattern_.size() &&
           kSetLetters.find(pattern_[offset_ + 1]) != std::string_view::npos;
  }

  /// Hands one character, or a backslash with its letter, on to PCRE2.
  void copy_syntax() {
    if (parts_.empty() || parts_.back().is_set()) parts_.emplace_back();
    const size_t length = peek() == U'\\' ? 2 : 1;
    parts_.back().syntax.append(pattern_.substr(offset_, length));
    offset_ += length;
  }

  Error error(std::string sentence) const {
    return {ErrorCode::unsupported, "pre-tokenizer pattern " + std::string(pattern_), std::move(sentence),
            ""};
  }

  Result<Escape> parse_escape() {
    next();  // the backslash
    Escape escape;
    const char32_t letter = next();
    if (letter == U's' || letter == U'S') {
      escape.set.add_white_space();
      escape.set.negated = letter == U'S';
    } else if (letter == U'd') {
      escape.set.add_decimal_digits();
    } else if (letter == U'w') {
      escape.set.add_word_characters();
    } else if (letter == U'p') {
      const size_t close = pattern_.find('}', offset_);
      if (close == std::string_view::npos) return error("a property name is never closed");
      const std::string_view name = pattern_.substr(offset_ + 1, close - offset_ - 1);
      if (!escape.set.add_property(name)) return error("unknown property " + std::string(name));
      offset_ = close + 1;
    } else {
      escape.code_point = escaped_control(letter);
    }
    return escape;
  }

  /// One member of a bracketed set: a property, a character, or the first..last of a range.
  Status parse_member(CodePointSet& set) {
    char32_t first;
    if (peek() == U'\\') {
      KILTER_ASSIGN(const Escape escape, parse_escape());
      if (!escape.code_point) return merge(set, escape.set);
      first = *escape.code_point;
    } else {
      first = next();
    }
    char32_t last = first;
    const bool is_range = looking_at("-") && !looking_at("-]");
    if (is_range) {
      next();
      last = next();
    }
    set.ranges.push_back({first, last});
    return {};
  }

  Status merge(CodePointSet& set, const CodePointSet& member) {
    if (!member.negated) {
      set.categories |= member.categories;
      set.ranges.insert(set.ranges.end(), member.ranges.begin(), member.ranges.end());
      return {};
    }
    // [^\S\r\n] is white space other than CR and LF: the one use of \S inside brackets that patterns need.
    if (!set.negated || !set.ranges.empty() || set.categories != 0) {
      return error("\\S inside brackets is only read right after [^");
    }
    CodePointSet white_space = member;
    white_space.negated = false;
    set.also_in.push_back(std::move(white_space));
    return {};
  }

  Result<CodePointSet> parse_brackets() {
    next();  // [
    CodePointSet set;
    if (peek() == U'^') {
      next();
      set.negated = true;
    }
    while (!at_end() && peek() != U']') {
      if (looking_at("&&[")) {
        offset_ += 2;
        KILTER_ASSIGN(CodePointSet other, parse_brackets());
        set.also_in.push_back(std::move(other));
      } else {
        KILTER_TRY(parse_member(set));
      }
    }
    if (at_end()) return error("a [ is never closed");
    next();  // ]
    return set;
  }

  std::string_view pattern_;
  size_t offset_ = 0;
  std::vector<PatternPart> parts_;
};

}  // namespace

Result<std::vector<PatternPart>> parse_pattern(std::string_view pattern) {
  return PatternParser(pattern).parse();
}

}  // namespace kilter::text
