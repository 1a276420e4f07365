#include "text/splitter.h"

#include <string>
#include <utility>

#include "text/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace kilter::text {
namespace {

struct FreePcre {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using Code = std::unique_ptr<pcre2_code, FreePcre>;
using MatchData = std::unique_ptr<pcre2_match_data, FreePcre>;

Result<Code> compile(const std::string& expression, std::string_view pattern) {
  int error_code = 0;
  PCRE2_SIZE error_offset = 0;
  constexpr uint32_t kOptions = PCRE2_DOLLAR_ENDONLY | PCRE2_NO_AUTO_CAPTURE;
  Code code(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()), expression.size(), kOptions,
                          &error_code, &error_offset, nullptr));
  if (!code) {
    return Error{ErrorCode::unsupported, "pre-tokenizer pattern " + std::string(pattern),
                 "PCRE2 refuses it at byte " + std::to_string(error_offset) + " of " + expression, ""};
  }
  // Where PCRE2 has no just-in-time compiler this fails, and its interpreter gives the same matches more
  // slowly.
  pcre2_jit_compile(code.get(), PCRE2_JIT_COMPLETE);
  return code;
}

/// Cuts one piece: collects ends that strictly ascend.
class Cutter {
 public:
  Cutter(size_t begin, std::vector<size_t>& ends) : last_(begin), ends_(ends) {}

  void cut(size_t at) {
    if (at <= last_) return;
    ends_.push_back(at);
    last_ = at;
  }

  void cut_match(SplitKind kind, size_t begin, size_t end) {
    constexpr size_t kGroup = 3;
    if (kind != SplitKind::before_threes) cut(begin);
    if (kind != SplitKind::isolate) {
      for (size_t at = begin + (end - begin) % kGroup; at < end; at += kGroup) cut(at);
    }
    if (kind != SplitKind::before_threes) cut(end);
  }

 private:
  size_t last_;
  std::vector<size_t>& ends_;
};

}  // namespace

struct Splitter::CompiledRule {
  SplitKind kind;
  Code code;

  /// Appends the cuts that this rule makes in classes[begin, end), and `end` itself. `match` is scratch
  /// space.
  void apply(std::string_view classes, size_t begin, size_t end, pcre2_match_data* match,
             std::vector<size_t>& ends) const {
    const auto piece = reinterpret_cast<PCRE2_SPTR>(classes.data() + begin);
    Cutter cutter(begin, ends);
    for (size_t from = 0; from < end - begin;) {
      if (pcre2_match(code.get(), piece, end - begin, from, 0, match, nullptr) < 0) break;
      const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(match);
      cutter.cut_match(kind, begin + bounds[0], begin + bounds[1]);
      from = bounds[1] > from ? bounds[1] : from + 1;
    }
    cutter.cut(end);
  }
};

Splitter::Splitter(Alphabet alphabet, std::vector<CompiledRule> rules)
    : alphabet_(std::move(alphabet)), rules_(std::move(rules)) {}
Splitter::Splitter(Splitter&&) noexcept = default;
Splitter& Splitter::operator=(Splitter&&) noexcept = default;
Splitter::~Splitter() = default;

Result<Splitter> Splitter::create(std::span<const SplitRule> rules) {
  std::vector<std::vector<PatternPart>> patterns;
  std::vector<const CodePointSet*> sets;
  for (const SplitRule& rule : rules) {
    KILTER_ASSIGN(std::vector<PatternPart> parts, parse_pattern(rule.pattern));
    patterns.push_back(std::move(parts));
  }
  for (const std::vector<PatternPart>& parts : patterns) {
    for (const PatternPart& part : parts) {
      if (part.is_set()) sets.push_back(&part.set);
    }
  }
  KILTER_ASSIGN(Alphabet alphabet, Alphabet::create(sets));

  std::vector<CompiledRule> compiled;
  for (size_t i = 0; i < rules.size(); ++i) {
    std::string expression;
    for (const PatternPart& part : patterns[i]) {
      expression += part.is_set() ? alphabet.spell(part.set) : part.syntax;
    }
    KILTER_ASSIGN(Code code, compile(expression, rules[i].pattern));
    compiled.push_back({rules[i].kind, std::move(code)});
  }
  return Splitter(std::move(alphabet), std::move(compiled));
}

std::vector<size_t> Splitter::piece_ends(std::string_view text) const {
  if (text.empty()) return {};
  const ClassText characters = alphabet_.classify(text);
  const MatchData match(pcre2_match_data_create(1, nullptr));
  std::vector<size_t> ends = {characters.classes.size()};
  for (const CompiledRule& rule : rules_) {
    std::vector<size_t> finer_ends;
    size_t begin = 0;
    for (const size_t end : ends) {
      rule.apply(characters.classes, begin, end, match.get(), finer_ends);
      begin = end;
    }
    ends = std::move(finer_ends);
  }
  for (size_t& end : ends) end = characters.byte_ends[end - 1];
  return ends;
}

}  // namespace kilter::text
