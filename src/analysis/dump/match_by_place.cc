// Values without a known name: their shape, and their place between values that are known.
#include <algorithm>
#include <set>

#include "analysis/dump/assemble.h"

namespace kilter::analysis {
namespace {

constexpr size_t kNone = SIZE_MAX;
constexpr size_t kMostWork = size_t{1} << 26;

// For each value of the file the nodes of the graph that it may be, ascending. Values of a file in the order
// of computation must lie in the graph in that order: a value is found when the earliest and the latest place
// that this leaves for it are the same.
class Placing {
 public:
  Placing(Pass& pass, const Graph& graph) : pass_(pass), graph_(graph) {
    for (const NamedValue& entry : pass_.values) {
      if (entry.name && entry.name->aspect == Aspect::plain) taken_.insert(number_of(entry.name->at));
    }
    for (const NamedValue& entry : pass_.values) candidates_.push_back(candidates_of(entry));
  }

  // Nothing where the order of the file is not that of computation.
  std::optional<std::vector<size_t>> places() const {
    const auto early = sweep(true);
    const auto late = sweep(false);
    if (!early || !late) return std::nullopt;
    std::vector<size_t> found(candidates_.size(), kNone);
    for (size_t i = 0; i < found.size(); ++i) {
      if ((*early)[i] == (*late)[i]) found[i] = (*early)[i];
    }
    return found;
  }

  const std::vector<size_t>& candidates(size_t value) const { return candidates_[value]; }

 private:
  size_t number_of(At at) const {
    const Node* node = graph_.find(at);
    return node == nullptr ? kNone : static_cast<size_t>(node - graph_.nodes().data());
  }

  bool fits(const RawValue& value, const Node& node) const {
    const auto layout = find_layout(value, wish_for(node.at, FirstAxis::tokens, pass_, &graph_));
    if (!layout) return false;
    const bool head = node.at.il < 0 && node.at.point != Point::token_embd;
    return head || layout->rows() == pass_.n_tokens;
  }

  std::vector<size_t> candidates_of(const NamedValue& entry) const {
    std::vector<size_t> found;
    if (entry.name) {
      const size_t number = entry.name->aspect == Aspect::leftover ? kNone : number_of(entry.name->at);
      if (number != kNone) found.push_back(number);
      return found;
    }
    const auto layer = split_layer(entry.value.name);
    for (size_t i = 0; i < graph_.nodes().size(); ++i) {
      const Node& node = graph_.nodes()[i];
      const auto& among = entry.candidates;
      if (!among.empty() && std::find(among.begin(), among.end(), node.at) == among.end()) continue;
      if (among.empty() && layer && layer->il != node.at.il) continue;
      if (taken_.count(i) == 0 && fits(entry.value, node)) found.push_back(i);
    }
    return found;
  }

  // The earliest place of each value behind those before it, or the latest in front of those behind it.
  std::optional<std::vector<size_t>> sweep(bool forward) const {
    std::vector<size_t> place(candidates_.size(), kNone);
    size_t bound = forward ? 0 : graph_.nodes().size();  // first that is free; one behind the last
    for (size_t step = 0; step < candidates_.size(); ++step) {
      const size_t i = forward ? step : candidates_.size() - 1 - step;
      const auto& nodes = candidates_[i];
      if (nodes.empty()) continue;  // it is no value of this model
      const auto at = std::lower_bound(nodes.begin(), nodes.end(), bound);
      if (forward ? at == nodes.end() : at == nodes.begin()) return std::nullopt;
      place[i] = forward ? *at : *(at - 1);
      bound = forward ? place[i] + 1 : place[i];
    }
    return place;
  }

  Pass& pass_;
  const Graph& graph_;
  std::set<size_t> taken_;
  std::vector<std::vector<size_t>> candidates_;
};

std::string names_of(const std::vector<size_t>& nodes, const Graph& graph) {
  constexpr size_t kMost = 4;
  std::string text;
  for (size_t i = 0; i < std::min(nodes.size(), kMost); ++i) {
    text += (i == 0 ? "" : i + 1 == nodes.size() ? " or " : ", ") + to_string(graph.nodes()[nodes[i]].at);
  }
  return nodes.size() > kMost ? text + " and " + std::to_string(nodes.size() - kMost) + " others" : text;
}

std::string why_not(const NamedValue& entry, const std::vector<size_t>& nodes, const Graph& graph) {
  if (nodes.empty()) {
    return "has a name that is not known, and no value of this model is " + shape_text(entry.value.shape);
  }
  return "may be " + names_of(nodes, graph) + ": name it so, or write a map of names";
}

}  // namespace

void match_by_place(Pass& pass, const DumpContext& context, Dump& dump) {
  const bool all_named = std::all_of(pass.values.begin(), pass.values.end(),
                                     [](const NamedValue& e) { return e.name.has_value(); });
  if (all_named) return;
  if (context.graph == nullptr || pass.values.size() * context.graph->nodes().size() > kMostWork) {
    for (const NamedValue& entry : pass.values) {
      if (!entry.name && entry.candidates.size() != 1)
        dump.unmatched.push_back({entry.value.name, "has a name that is not known"});
    }
    for (NamedValue& entry : pass.values) {
      if (!entry.name && entry.candidates.size() == 1)
        entry.name = NameMatch{entry.candidates[0], Aspect::plain, HeadOrder::gguf, FirstAxis::tokens,
                               "llama2.c's name"};
    }
    return;
  }
  const Graph& graph = *context.graph;
  const Placing placing(pass, graph);
  const auto places = placing.places();
  std::vector<size_t> chosen(pass.values.size(), kNone);
  std::map<size_t, int> claims;
  for (size_t i = 0; i < pass.values.size(); ++i) {
    if (pass.values[i].name) continue;
    const auto& nodes = placing.candidates(i);
    chosen[i] = nodes.size() == 1 ? nodes[0] : places ? (*places)[i] : kNone;
    if (chosen[i] != kNone) ++claims[chosen[i]];
  }
  for (size_t i = 0; i < pass.values.size(); ++i) {
    NamedValue& entry = pass.values[i];
    if (entry.name) continue;
    if (chosen[i] == kNone || claims[chosen[i]] > 1) {
      dump.unmatched.push_back({entry.value.name, why_not(entry, placing.candidates(i), graph)});
      continue;
    }
    NameMatch match;
    match.at = graph.nodes()[chosen[i]].at;
    match.how = entry.candidates.empty() ? "its shape and its place in the file" : "llama2.c's name";
    entry.name = match;
  }
}

}  // namespace kilter::analysis
