// Which file is which pass, and which tokens it has.
#include <algorithm>
#include <set>

#include "analysis/dump/assemble.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

std::vector<NamedValue> name_values(std::vector<RawValue> values, const Graph* graph, const UserNames* user) {
  std::vector<NamedValue> named;
  for (RawValue& value : values) {
    NamedValue entry;
    entry.name = value.weight ? std::nullopt : match_name(value, graph, user);
    if (!entry.name && !value.weight) entry.candidates = llama2_c_candidates(value.name, graph);
    entry.value = std::move(value);
    named.push_back(std::move(entry));
  }
  return named;
}

std::set<std::string> names_of(const RawPass& file) {
  std::set<std::string> names;
  for (const RawValue& value : file.values) {
    if (!value.weight) names.insert(value.name + "\n" + value.op);
  }
  return names;
}

void merge(RawPass file, const DumpContext& context, const UserNames* user, Pass& pass) {
  auto named = name_values(std::move(file.values), context.graph, user);
  std::move(named.begin(), named.end(), std::back_inserter(pass.values));
  RawPass& into = pass.file;
  if (into.tokens.empty()) into.tokens = std::move(file.tokens);
  if (into.passes.empty()) into.passes = std::move(file.passes);
  if (into.positions.empty()) into.positions = std::move(file.positions);
  if (into.n_tokens == 0) into.n_tokens = file.n_tokens;
  into.metadata.merge(file.metadata);
  std::move(file.remarks.begin(), file.remarks.end(), std::back_inserter(into.remarks));
  std::move(file.unmatched.begin(), file.unmatched.end(), std::back_inserter(into.unmatched));
}

// Rows of the values whose names are known: the most that any has, so that logits of one row do not count.
int64_t rows_in(const Pass& pass, const Graph* graph) {
  int64_t most = 0;
  for (const NamedValue& entry : pass.values) {
    if (!entry.name || entry.name->aspect == Aspect::leftover || entry.value.piece) continue;
    if (is_score_like(entry.name->at.point)) continue;
    const LayoutWish wish = wish_for(entry.name->at, entry.name->first, pass, graph);
    const auto layout = find_layout(entry.value, wish);
    if (layout && (graph != nullptr || entry.value.shape.size() > 1)) most = std::max(most, layout->rows());
  }
  return most;
}

bool begins_with(const std::vector<int32_t>& ids, const std::vector<int32_t>& front) {
  return ids.size() >= front.size() && std::equal(front.begin(), front.end(), ids.begin());
}

// How many tokens the pass has by itself.
int64_t own_tokens(const Pass& pass, const Dump& dump, const DumpContext& context, size_t index,
                   size_t n_passes) {
  if (pass.file.n_tokens > 0) return pass.file.n_tokens;
  if (n_passes > 1 && context.passes.size() == n_passes) return context.passes[index];
  const auto told = static_cast<int64_t>(pass.file.tokens.size());
  const int64_t rows = rows_in(pass, context.graph);
  if (n_passes == 1) {
    if (told > 0) return told;
    return context.tokens.empty() ? rows : static_cast<int64_t>(context.tokens.size());
  }
  // A step that names all ids so far, and has values of the newest only.
  const bool history = told > rows && rows > 0 && begins_with(pass.file.tokens, dump.tokens) &&
                       told - static_cast<int64_t>(dump.tokens.size()) == rows;
  if (history || told == 0) return std::max(rows, int64_t{1});
  return told;
}

Error unknown_tokens(const std::vector<Pass>& passes) {
  return {ErrorCode::usage, passes.empty() ? std::string() : passes[0].file.path,
          "does not say which token ids were run",
          "give them: --tokens 1,450 (or write them into the dump as token_ids)"};
}

Status check_against(const std::vector<int32_t>& told, Dump& dump) {
  const auto [ours, theirs] = std::mismatch(dump.tokens.begin(), dump.tokens.end(), told.begin(), told.end());
  if (ours == dump.tokens.end() && theirs == told.end()) return {};
  const auto text = [](auto at, auto end) { return at == end ? std::string("none") : std::to_string(*at); };
  return Error{ErrorCode::mismatch, dump.path,
               "was run on other token ids: token " + std::to_string(ours - dump.tokens.begin()) + " is " +
                   text(ours, dump.tokens.end()) + " in the dump, and " + text(theirs, told.end()) +
                   " was given",
               "compare runs of the same tokens only"};
}

}  // namespace

LayoutWish wish_for(At at, FirstAxis first, const Pass& pass, const Graph* graph) {
  LayoutWish wish;
  wish.at = at;
  wish.first = first;
  wish.n_tokens = pass.n_tokens;
  const Node* node = graph == nullptr ? nullptr : graph->find(at);
  if (node == nullptr) return wish;
  for (int i = 0; i < node->row.rank; ++i) wish.row.push_back(node->row[i]);
  if (is_score_like(at.point)) wish.row.back() = 0;
  return wish;
}

std::vector<Pass> group_passes(std::vector<RawPass> files, const DumpContext& context,
                               const UserNames* user) {
  std::vector<Pass> passes;
  std::set<std::string> seen;
  for (RawPass& file : files) {
    const std::set<std::string> names = names_of(file);
    const bool again =
        std::any_of(names.begin(), names.end(), [&](const auto& n) { return seen.count(n) > 0; });
    if (passes.empty() || again) {
      passes.emplace_back();
      passes.back().file.path = file.path;
      passes.back().file.producer = file.producer;
      seen.clear();
    } else if (!file.values.empty() && passes.back().values.empty()) {
      passes.back().file.producer = file.producer;
    }
    seen.insert(names.begin(), names.end());
    merge(std::move(file), context, user, passes.back());
  }
  return passes;
}

Status assign_tokens(std::vector<Pass>& passes, const DumpContext& context, Dump& dump) {
  const size_t n_passes = passes.size();
  bool all_told = true;
  for (size_t i = 0; i < n_passes; ++i) {
    Pass& pass = passes[i];
    pass.n_tokens = own_tokens(pass, dump, context, i, n_passes);
    const std::vector<int32_t>& ids = pass.file.tokens;
    const auto n = static_cast<int64_t>(ids.size());
    if (i > 0 && n == pass.n_tokens && n > static_cast<int64_t>(dump.tokens.size()) && !dump.tokens.empty() &&
        begins_with(ids, dump.tokens)) {
      for (size_t earlier = 0; earlier < i; ++earlier) passes[earlier].values.clear();
      dump.remarks.push_back({pass.file.path,
                              "computes all tokens again, as engines without a cache do; the "
                              "passes before it are left out"});
      dump.tokens.clear();
      dump.passes.clear();
    }
    pass.base = 0;
    for (const int64_t earlier : dump.passes) pass.base += earlier;
    all_told = all_told && n >= pass.n_tokens && n > 0;
    if (all_told) dump.tokens.insert(dump.tokens.end(), ids.end() - pass.n_tokens, ids.end());
    dump.passes.push_back(pass.n_tokens);
  }
  int64_t total = 0;
  for (const int64_t n : dump.passes) total += n;
  if (!all_told || passes.empty()) {
    if (context.tokens.empty()) return unknown_tokens(passes);
    if (total != static_cast<int64_t>(context.tokens.size())) {
      return Error{ErrorCode::mismatch, dump.path,
                   "has " + std::to_string(total) + " rows in all passes, and " +
                       std::to_string(context.tokens.size()) + " token ids were given",
                   "give the ids of the whole run, the prompt and what was decoded"};
    }
    dump.tokens = context.tokens;
  } else if (!context.tokens.empty()) {
    KILTER_TRY(check_against(context.tokens, dump));
  }
  if (n_passes != 1) return {};
  // One file may hold several passes, one behind the other.
  const std::vector<int64_t>& told = context.passes.empty() ? passes[0].file.passes : context.passes;
  int64_t sum = 0;
  for (const int64_t n : told) sum = n < 1 || n > total ? total + 1 : std::min(sum + n, total + 1);
  if (sum == total && total > 0) dump.passes = told;
  if (sum != total && !told.empty()) {
    dump.remarks.push_back({dump.path, "says how long its passes are, and they do not add up to its tokens"});
  }
  return {};
}

}  // namespace kilter::analysis
