// From readings to trials: which nodes one bug touches together.
#include <algorithm>
#include <map>

#include "analysis/bugs/weights/reading.h"
#include "analysis/bugs/wrong_weights.h"

namespace kilter::analysis {
namespace {

// One detail and everywhere it can be.
struct Found {
  ReadingAt readings;
  bool in_segment = false;
};

Trial trial_of(ReadingAt readings, std::string detail) {
  const int fitted = readings.begin()->second.fitted;
  return {.mutation = std::make_shared<WrongWeights>(std::move(readings)),
          .detail = std::move(detail),
          .fix = "",
          .fitted = fitted};
}

struct Group {
  std::string name;
  ReadingAt readings;
};

// What a person may have got wrong together: one kind of weight, the quantised ones, those of the layers.
std::vector<Group> groups_of(const ReadingAt& all, const Graph& graph) {
  std::map<Point, ReadingAt> points;
  Group quantised{", in quantised weights only", {}};
  Group layers{", in the layers only", {}};
  for (const auto& [at, reading] : all) {
    points[at.point].emplace(at, reading);
    if (is_quantised(graph.find(at)->weight->type)) quantised.readings.emplace(at, reading);
    if (at.il >= 0) layers.readings.emplace(at, reading);
  }
  std::vector<Group> groups;
  for (auto& [point, readings] : points) {
    groups.push_back({", in " + std::string(point_info(point).name) + " only", std::move(readings)});
  }
  groups.push_back(std::move(quantised));
  if (layers.readings.size() != groups.back().readings.size()) groups.push_back(std::move(layers));
  return groups;
}

// The groups that are a part of all, and of the segment.
void add_groups(const ReadingAt& all, const std::string& detail, const Suspect& suspect,
                std::vector<Trial>& trials) {
  for (Group& group : groups_of(all, suspect.view->graph())) {
    const bool reached = std::any_of(suspect.segment.begin(), suspect.segment.end(),
                                     [&](const Node* node) { return group.readings.contains(node->at); });
    if (!reached || group.readings.size() == all.size()) continue;
    trials.push_back(trial_of(std::move(group.readings), detail + group.name));
  }
}

// Each trial once more, on top of what is known already to be wrong with these weights.
void add_combinations(const Suspect& suspect, std::vector<Trial>& trials) {
  const size_t alone = trials.size();
  for (const std::shared_ptr<const Mutation>& known : suspect.view->mutations()) {
    const auto* first = dynamic_cast<const WrongWeights*>(known.get());
    if (first == nullptr) continue;
    for (size_t i = 0; i < alone; ++i) {
      const auto& second = dynamic_cast<const WrongWeights&>(*trials[i].mutation);
      const bool in_segment =
          std::any_of(suspect.segment.begin(), suspect.segment.end(),
                      [&](const Node* node) { return first->changes(*node) && second.changes(*node); });
      std::shared_ptr<const WrongWeights> both = in_segment ? both_at_once(*first, second) : nullptr;
      if (both == nullptr) continue;
      trials.push_back({.mutation = std::move(both),
                        .detail = trials[i].detail + ", on top of what was found before",
                        .fix = trials[i].fix,
                        .fitted = trials[i].fitted});
    }
  }
}

}  // namespace

std::vector<Trial> WeightBug::trials(const Suspect& suspect) const {
  ReplayView& view = *suspect.view;
  const ReplayModel model{.graph = &view.graph(),
                          .weight = [&view](std::string_view name) { return view.weight(name); },
                          .file_data = view.file_data(),
                          .file_header = view.file_header()};
  std::vector<std::string> order;  // details as they come: likely ones first
  std::map<std::string, Found> by_detail;
  for (const Node& node : view.graph().nodes()) {
    if (node.weight == nullptr || !touches(node)) continue;
    const bool in_segment = std::any_of(suspect.segment.begin(), suspect.segment.end(),
                                        [&](const Node* other) { return other->at == node.at; });
    for (Reading& reading : readings(*node.weight, model)) {
      const auto [entry, is_new] = by_detail.try_emplace(reading.detail);
      if (is_new) order.push_back(reading.detail);
      entry->second.in_segment |= in_segment;
      entry->second.readings.emplace(node.at, std::move(reading));
    }
  }
  std::vector<Trial> trials;
  for (const std::string& detail : order) {
    Found& found = by_detail.at(detail);
    if (!found.in_segment) continue;
    if (reach() == Reach::group) add_groups(found.readings, detail, suspect, trials);
    trials.push_back(trial_of(std::move(found.readings), detail));
  }
  add_combinations(suspect, trials);
  return trials;
}

}  // namespace kilter::analysis
