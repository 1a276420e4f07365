#include "analysis/diagnose/token_ids.h"

#include <fmt/format.h>

#include <algorithm>

namespace kilter::analysis {
namespace {

using Ids = std::vector<int32_t>;

std::string text_of(std::span<const int32_t> ids) {
  constexpr size_t kMost = 24;
  const auto shown = ids.first(std::min(ids.size(), kMost));
  return fmt::format("{}{}", fmt::join(shown, " "), ids.size() > kMost ? " ..." : "");
}

// How the one list becomes the other, in words; what people do wrong.
struct Change {
  std::string bug;  // of the catalogue
  std::string cause;
  std::string fix;
};

Change change_of(const Ids& right, const Ids& theirs, const SpecialIds& special) {
  const auto with_front = [](const Ids& ids, int32_t id) {
    Ids longer{id};
    longer.insert(longer.end(), ids.begin(), ids.end());
    return longer;
  };
  const auto with_end = [](Ids ids, int32_t id) {
    ids.push_back(id);
    return ids;
  };
  if (special.bos >= 0 && with_front(theirs, special.bos) == right) {
    return {"bos-missing", "The engine leaves the beginning-of-sequence token out.",
            "Put BOS in front of the prompt once."};
  }
  if (special.bos >= 0 && with_front(right, special.bos) == theirs) {
    return {"bos-twice", "The engine puts the beginning-of-sequence token in front twice.",
            "Add BOS in one place only: the tokenizer or the chat template."};
  }
  if (special.eos >= 0 && with_end(right, special.eos) == theirs) {
    return {"token-ids", "The engine appends the end-of-sequence token to the prompt.",
            "Leave EOS out of prompts."};
  }
  if (right.size() == theirs.size() && right.size() > 1) {
    size_t differ = 0;
    size_t first = right.size();
    for (size_t i = 0; i < right.size(); ++i) {
      if (right[i] == theirs[i]) continue;
      ++differ;
      first = std::min(first, i);
    }
    if (differ == 1 && first <= 1) {
      return {"token-ids",
              "Only the first word has another id: the space that the vocabulary puts in front of a text is "
              "missing or "
              "doubled.",
              "Follow tokenizer.ggml.add_space_prefix."};
    }
  }
  if (theirs.size() > right.size()) {
    return {"token-ids",
            "The engine cuts the text into more tokens than the vocabulary's own rules do: merges are "
            "missing, or "
            "special tokens are taken as letters.",
            "Compare with `kilter tokenize`, piece by piece."};
  }
  return {"token-ids", "The engine turns the text into other tokens.",
          "Compare with `kilter tokenize`, piece by piece."};
}

}  // namespace

void add_token_ids(std::span<const int32_t> right, std::span<const int32_t> theirs, const SpecialIds& special,
                   Diagnosis& diagnosis) {
  const Ids want(right.begin(), right.end());
  const Ids have(theirs.begin(), theirs.end());
  if (want == have) return;
  const Change change = change_of(want, have, special);
  Finding finding;
  finding.bug = change.bug;
  finding.title = "The prompt became other tokens";
  finding.cause = change.cause;
  finding.detail = fmt::format("the text has the ids {}; the engine ran on {}", text_of(want), text_of(have));
  finding.fix = change.fix;
  finding.page = fmt::format("docs/bugs/{}.md", change.bug);
  finding.evidence = fmt::format(
      "{} ids where the vocabulary gives {}; everything below is judged on the engine's own "
      "ids",
      have.size(), want.size());
  diagnosis.findings.insert(diagnosis.findings.begin(), std::move(finding));
  diagnosis.outcome = Outcome::bug;
}

}  // namespace kilter::analysis
