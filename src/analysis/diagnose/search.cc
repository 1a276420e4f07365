#include "analysis/diagnose/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "analysis/diagnose/findings.h"
#include "analysis/diagnose/outcome.h"
#include "analysis/diagnose/pattern.h"

namespace kilter::analysis {
namespace {

// Errors so large that no rounding makes them: a share of the squares of the right values.
constexpr double kMostOfOneRounding = 0.05;
constexpr double kMostOfAChain = 0.5;

class Search {
 public:
  Search(Ops& ops, const ReplayModel& model, const Dump& dump, const SearchOptions& options)
      : model_(model),
        dump_(dump),
        options_(options),
        replay_(ops, model, dump),
        judge_(replay_, *model.graph),
        candidates_(judge_, options.bugs) {
    candidates_.pause = [this] { return step(); };
  }

  Result<Diagnosis> run() {
    for (const auto& [at, observed] : dump_.values) {
      KILTER_TRY(step());
      if (model_.graph->find(at) != nullptr) KILTER_TRY(value(observed));
      ++done_;
    }
    if (options_.global == SearchOptions::Global::compared) KILTER_TRY(compare_with_correct_run());
    diagnosis_.findings = std::move(findings_).take();
    return std::move(diagnosis_);
  }

 private:
  Status step() {
    return options_.progress ? options_.progress(done_, static_cast<int64_t>(dump_.values.size())) : Status();
  }

  Status value(const Observed& observed) {
    ValueResult result;
    result.at = observed.at;
    result.op = model_.graph->find(observed.at)->op;
    result.source = observed.source;
    result.match = observed.match;
    result.rows = observed.rows;
    result.shape = observed.shape;
    result.elements = static_cast<int64_t>(observed.rows.size()) * observed.row_size();
    SeenValue seen{&observed, {}};
    KILTER_ASSIGN(seen.elements, observed.load());
    segment_ = replay_.segment(observed.at, Inputs::dumped);
    if (const At* lost = behind_the_unexplained(); lost != nullptr) {
      result.why =
          fmt::format("it follows from {}, which is wrong for an unknown reason and known in part only",
                      to_string(*lost));
    } else {
      KILTER_TRY(judge(seen, result));
    }
    diagnosis_.values.push_back(std::move(result));
    return {};
  }

  // An op of the segment whose value was seen to be wrong, was not explained, and is not known as a whole.
  const At* behind_the_unexplained() const {
    for (const Node* node : segment_) {
      const auto lost = std::find(unexplained_.begin(), unexplained_.end(), node->at);
      if (lost != unexplained_.end() && !(node == segment_.back())) return &*lost;
    }
    return nullptr;
  }

  Status judge(const SeenValue& seen, ValueResult& result) {
    const Belief base = findings_.belief();
    KILTER_ASSIGN(Score score, judge_.judge(seen, base, {}));
    result.exact_margin = score.margin;
    result.exact = score;
    result.histogram = score.histogram;
    result.seen_rms = score.seen_rms;
    if (score.compared == 0) {
      result.why = "the dump has no number of it that could be compared";
      return {};
    }
    const std::vector<size_t> touching = findings_.touching(segment_);
    if (!touching.empty()) return judge_with_and_without(seen, result, std::move(score), touching);
    return judge_alone(seen, result, base, std::move(score));
  }

  // Bugs that were found before change this value too, or they do not: the dump decides.
  Status judge_with_and_without(const SeenValue& seen, ValueResult& result, Score with,
                                const std::vector<size_t>& touching) {
    const Belief without = findings_.belief_without(segment_);
    KILTER_ASSIGN(Score plain, judge_.judge(seen, without, {}));
    result.exact_margin = plain.margin;
    result.exact = plain;
    result.histogram = plain.histogram;
    if (plain.fits() && with.fits()) return accept(result, std::move(with), ValueVerdict::within, "");
    if (plain.fits()) {
      for (const size_t finding : touching) findings_.exclude(finding, segment_);
      return accept(result, std::move(plain), ValueVerdict::within, "");
    }
    if (with.fits()) {
      for (const size_t finding : touching) findings_.confirm(finding, seen.observed->at);
      return accept(result, std::move(with), ValueVerdict::bug, findings_.all()[touching.front()].bug);
    }
    const Belief base = findings_.belief();
    KILTER_ASSIGN(const bool explained, explain(seen, result, base, with, Which::sure));
    if (explained) {
      for (const size_t finding : touching) findings_.confirm(finding, seen.observed->at);
      result.verdict = ValueVerdict::bug;
      result.explanation = findings_.all()[touching.front()].bug;
      return {};
    }
    const bool better_with = with.nmse < plain.nmse;
    if (!better_with) {
      for (const size_t finding : touching) findings_.exclude(finding, segment_);
    }
    return judge_alone(seen, result, better_with ? base : without,
                       better_with ? std::move(with) : std::move(plain));
  }

  Status judge_alone(const SeenValue& seen, ValueResult& result, const Belief& base, Score score) {
    if (score.fits()) {
      const bool exact = score.equal == score.compared && score.checksum_margin <= 1;
      return accept(result, std::move(score), exact ? ValueVerdict::exact : ValueVerdict::within, "");
    }
    KILTER_ASSIGN(const bool explained, explain(seen, result, base, score, Which::sure));
    if (explained) return {};
    return name(seen, result, base, std::move(score));
  }

  Status accept(ValueResult& result, Score score, ValueVerdict verdict, std::string explanation) {
    result.score = std::move(score);
    result.verdict = verdict;
    result.explanation = std::move(explanation);
    return {};
  }

  // The roundings, those that were met before first.
  std::vector<std::shared_ptr<const Benign>> roundings() const {
    std::vector<std::shared_ptr<const Benign>> list(all_benign().begin(), all_benign().end());
    std::stable_partition(list.begin(), list.end(), [&](const auto& benign) { return met(*benign); });
    std::erase_if(list, [&](const auto& benign) { return findings_.holds(*benign); });
    return list;
  }

  // Whether more than one op lies between what the dump has whole and the value.
  bool is_chain() const {
    return std::count_if(segment_.begin(), segment_.end(), [](const Node* node) {
             return node->op != "kv_store" && node->op != "take_rows";
           }) > 1;
  }

  bool met(const Benign& benign) const {
    return std::any_of(diagnosis_.explanations.begin(), diagnosis_.explanations.end(),
                       [&](const Explanation& e) { return e.id == benign.id(); });
  }

  // Roundings that are simulated, and those that were met before. Others are tried when no bug fits.
  enum class Which { sure, others };
  Result<bool> explain(const SeenValue& seen, ValueResult& result, const Belief& base, const Score& score,
                       Which which) {
    const double most = is_chain() ? kMostOfAChain : kMostOfOneRounding;
    if (!(score.nmse < most)) return false;
    std::shared_ptr<const Benign> best;
    Score best_score;
    for (const auto& benign : roundings()) {
      const bool sure = benign->kind() == Benign::Kind::simulated || met(*benign);
      if (sure != (which == Which::sure)) continue;
      const bool concerns = std::any_of(segment_.begin(), segment_.end(),
                                        [&](const Node* node) { return benign->touches(*node); });
      if (!concerns || !benign->could_give(*segment_.back(), seen.elements.values)) continue;
      KILTER_TRY(step());
      Belief trial;
      trial.scenario.roundings.push_back(benign);
      trial.benign.push_back(benign);
      KILTER_ASSIGN(Score with, judge_.judge(seen, base, trial));
      if (!with.fits() || !benign->looks_like_it(with)) continue;
      if (best != nullptr && !(with.nmse < best_score.nmse)) continue;
      best = benign;
      best_score = std::move(with);
      // A coarse rounding makes so much room in a chain that it fits a run with a finer one as well. What a
      // chain shows is held for all that follows: it has to be the closest.
      if (!is_chain()) break;
    }
    if (best == nullptr) return false;
    count_explanation(*best);
    if (is_chain()) findings_.hold(best);
    KILTER_TRY(accept(result, std::move(best_score), ValueVerdict::explained, std::string(best->id())));
    return true;
  }

  void count_explanation(const Benign& benign) {
    for (Explanation& e : diagnosis_.explanations) {
      if (e.id == benign.id()) {
        ++e.values;
        return;
      }
    }
    diagnosis_.explanations.push_back({std::string(benign.id()), std::string(benign.sentence()), 1});
  }

  // Looks for the bug that makes the value follow: those already found first.
  Status name(const SeenValue& seen, ValueResult& result, const Belief& base, Score score) {
    const std::vector<std::shared_ptr<const Benign>> list = roundings();
    const Suspect suspect{.node = segment_.back(),
                          .rows = seen.observed->rows,
                          .seen = &seen.elements,
                          .view = &replay_.view(base.scenario, base.inputs),
                          .segment = segment_,
                          .dump = &dump_};
    const CandidateTest test{seen, suspect, base, score, list};
    KILTER_ASSIGN(const bool settled, settle_a_tie(seen, result));
    if (settled) return {};
    std::vector<Candidate> found;
    for (size_t i = 0; i < findings_.all().size() && found.empty(); ++i) {
      if (findings_.bug_of(i) == nullptr) continue;
      KILTER_ASSIGN(found, candidates_.of_bug(*findings_.bug_of(i), test));
    }
    int64_t tried = 0;
    if (found.empty()) {
      KILTER_ASSIGN(found, candidates_.of_all(test, tried));
    }
    if (found.empty()) {
      KILTER_ASSIGN(const bool explained, explain(seen, result, base, score, Which::others));
      return explained ? Status() : no_name(seen, result, base, std::move(score), tried);
    }
    KILTER_TRY(weigh(seen.observed->at, base, found));
    if (found.front().contradicted > found.front().supported) {
      return no_name(seen, result, base, std::move(score), tried);
    }
    const Candidate best = found.front();
    findings_.add(seen.observed->at, best, as_good_as_the_first(found), score);
    if (best.rounding != nullptr) count_explanation(*best.rounding);
    return accept(result, best.score, ValueVerdict::bug, std::string(best.bug->info().id));
  }

  // A bug may be in one layer alone, or in the decoder of one type of weights: values of others say nothing
  // against it.
  bool says_something_of(At suspect, At other) const {
    if (other.il != suspect.il && other.il >= 0 && suspect.il >= 0) return false;
    const Weight* a = model_.graph->find(suspect)->weight;
    const Node* node = model_.graph->find(other);
    return node != nullptr && (a == nullptr || node->weight == nullptr || a->type == node->weight->type);
  }

  // Other values of the dump that the trial changes: they must not stop following, and may begin to.
  Status weigh(At suspect, const Belief& base, std::vector<Candidate>& found) {
    constexpr int kMostOthers = 6;
    for (Candidate& candidate : found) {
      int others = 0;
      for (const auto& [at, observed] : dump_.values) {
        if (at == suspect || others == kMostOthers || !says_something_of(suspect, at)) continue;
        const std::vector<const Node*> segment = replay_.segment(at, base.inputs);
        if (!changes_any(*candidate.trial.mutation, segment)) continue;
        KILTER_TRY(step());
        SeenValue other{&observed, {}};
        KILTER_ASSIGN(other.elements, observed.load());
        KILTER_ASSIGN(const Score with, judge_.judge(other, base, candidate.belief()));
        KILTER_ASSIGN(const Score without, judge_.judge(other, base, {}));
        ++others;
        if (with.fits() && !without.fits()) ++candidate.supported;
        if (!with.fits() && without.fits()) ++candidate.contradicted;
      }
    }
    std::stable_sort(found.begin(), found.end(), [](const Candidate& a, const Candidate& b) {
      if (a.contradicted != b.contradicted) return a.contradicted < b.contradicted;
      if (a.supported != b.supported) return a.supported > b.supported;
      if (a.trial.fitted != b.trial.fitted) return a.trial.fitted < b.trial.fitted;
      return a.bug->info().rank < b.bug->info().rank;
    });
    return {};
  }

  // Candidates that explain as much as the best one.
  static std::vector<Candidate> as_good_as_the_first(const std::vector<Candidate>& found) {
    std::vector<Candidate> others;
    const Candidate& best = found.front();
    std::copy_if(found.begin() + 1, found.end(), std::back_inserter(others), [&](const Candidate& c) {
      return c.contradicted == best.contradicted && c.supported == best.supported;
    });
    return others;
  }

  // A bug that could not be told from another so far, and explains this value too, is the one: one cause for
  // both.
  Result<bool> settle_a_tie(const SeenValue& seen, ValueResult& result) {
    for (size_t i = 0; i < findings_.all().size(); ++i) {
      const Belief base = findings_.belief_but(i);
      for (const Candidate& other : findings_.others_of(i)) {
        if (!changes_any(*other.trial.mutation, segment_)) continue;
        KILTER_TRY(step());
        KILTER_ASSIGN(const Score score, judge_.judge(seen, base, other.belief()));
        if (!score.fits()) continue;
        const Candidate settled = other;
        findings_.replace(i, seen.observed->at, settled);
        KILTER_TRY(accept(result, score, ValueVerdict::bug, std::string(settled.bug->info().id)));
        return true;
      }
    }
    return false;
  }

  Status no_name(const SeenValue& seen, ValueResult& result, const Belief& base, Score score, int64_t tried) {
    if (score.guaranteed_margin <= 1 && score.checksum_margin <= 1) {
      return accept(result, std::move(score), ValueVerdict::doubtful, "");
    }
    const At at = seen.observed->at;
    KILTER_ASSIGN(const std::vector<float> expected, replay_.expected(at, base.scenario, {}, base.inputs));
    findings_.add_unexplained(at, score, error_patterns(seen, seen_rows(at, *seen.observed, expected), score),
                              tried);
    unexplained_.push_back(at);
    return accept(result, std::move(score), ValueVerdict::unexplained, "");
  }

  std::vector<float> seen_rows(At at, const Observed& observed, const std::vector<float>& expected) const {
    const std::span<const int32_t> rows = replay_.rows(at);
    const auto width = static_cast<size_t>(observed.row_size());
    std::vector<float> picked;
    for (const int32_t token : observed.rows) {
      const auto place = std::lower_bound(rows.begin(), rows.end(), token);
      const auto begin = static_cast<size_t>(place - rows.begin()) * width;
      if (place == rows.end() || begin + width > expected.size()) return {};
      picked.insert(picked.end(), expected.begin() + static_cast<std::ptrdiff_t>(begin),
                    expected.begin() + static_cast<std::ptrdiff_t>(begin + width));
    }
    return picked;
  }

  Status compare_with_correct_run() {
    Belief correct;
    correct.inputs = Inputs::computed;
    for (ValueResult& result : diagnosis_.values) {
      KILTER_TRY(step());
      SeenValue seen{&dump_.values.at(result.at), {}};
      KILTER_ASSIGN(seen.elements, seen.observed->load());
      KILTER_ASSIGN(const Score score, judge_.compare(seen, correct));
      result.global_nmse = score.nmse;
      if (result.at.point == Point::logits) KILTER_TRY(compare_tops(seen));
    }
    return {};
  }

  Status compare_tops(const SeenValue& seen) {
    Belief correct;
    correct.inputs = Inputs::computed;
    KILTER_ASSIGN(const ValueJudge::Expected right, judge_.expected(seen.observed->at, correct, {}));
    add_tops(seen, right.values, replay_.rows(seen.observed->at), right.bounds, diagnosis_);
    return {};
  }

  const ReplayModel& model_;
  const Dump& dump_;
  const SearchOptions& options_;
  Replay replay_;
  ValueJudge judge_;
  CandidateSearch candidates_;
  Findings findings_;
  Diagnosis diagnosis_;
  std::vector<const Node*> segment_;  // of the value in hand
  std::vector<At> unexplained_;
  int64_t done_ = 0;
};

}  // namespace

Result<Diagnosis> search(Ops& ops, const ReplayModel& model, const Dump& dump, const SearchOptions& options) {
  KILTER_ASSIGN(Diagnosis diagnosis, Search(ops, model, dump, options).run());
  KILTER_TRY(add_weights(model, dump, options.bugs, diagnosis));
  add_context(model, dump, diagnosis);
  conclude(diagnosis);
  return diagnosis;
}

}  // namespace kilter::analysis
