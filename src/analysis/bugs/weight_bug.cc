// From readings to trials: a mutation decodes a weight wrongly and computes the op with it.
#include <algorithm>
#include <map>

#include "analysis/bugs/weights/reading.h"

namespace kilter::analysis {
namespace {

using ReadingAt = std::map<At, Reading, AtOrder>;

class WrongWeights final : public Mutation {
 public:
  explicit WrongWeights(ReadingAt readings) : readings_(std::move(readings)) {}

  bool changes(const Node& node) const override { return readings_.contains(node.at); }

  Result<std::vector<float>> compute(const Node& node, ReplayView& view) const override {
    const Reading& reading = readings_.at(node.at);
    const Weight& w = *node.weight;
    // A pass reads few rows of a table, whose other rows need not be decoded.
    if (node.op == "embed") return embedded(reading, w, view.tokens());
    std::vector<float> numbers(static_cast<size_t>(w.rows * w.cols));
    KILTER_TRY(read_weight(reading, w, numbers));
    Weight wrong = w;
    wrong.type = DType::f32;
    wrong.bytes = std::as_bytes(std::span(numbers));
    Node changed = node;
    changed.weight = &wrong;
    return view.run(changed);
  }

 private:
  static Result<std::vector<float>> embedded(const Reading& reading, const Weight& table,
                                             std::span<const int32_t> ids) {
    const auto width = static_cast<size_t>(table.cols);
    std::vector<float> rows(ids.size() * width);
    for (size_t t = 0; t < ids.size(); ++t) {
      KILTER_TRY(reading.decode_row(table, ids[t], std::span(rows).subspan(t * width, width)));
    }
    return rows;
  }

  ReadingAt readings_;
};

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

}  // namespace

Status read_weight(const Reading& reading, const Weight& w, std::span<float> out) {
  if (reading.decode_all) return reading.decode_all(w, out);
  const auto width = static_cast<size_t>(w.cols);
  for (int64_t row = 0; row < w.rows; ++row) {
    KILTER_TRY(reading.decode_row(w, row, out.subspan(static_cast<size_t>(row) * width, width)));
  }
  return {};
}

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
  return trials;
}

}  // namespace kilter::analysis
