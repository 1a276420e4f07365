// From parts to the values of a dump.
#include <algorithm>
#include <memory>
#include <set>

#include "analysis/dump/assemble.h"

namespace kilter::analysis {
namespace {

std::string source_of(const RawValue& value) {
  return value.op.empty() ? value.name : value.name + " (" + value.op + ")";
}

// The row of the value: the model's, or the array's where no model is known.
std::vector<int64_t> row_of(const std::vector<Part>& parts, const Graph* graph, int64_t n_tokens) {
  const Part& first = parts[0];
  const Node* node = graph == nullptr ? nullptr : graph->find(first.at);
  std::vector<int64_t> row;
  if (node != nullptr) {
    for (int i = 0; i < node->row.rank; ++i) row.push_back(node->row[i]);
  } else {
    row = first.layout.row_shape();
    if (first.value.piece) row = {0};
    for (const Part& part : parts) {
      if (part.value.piece) row[0] = std::max(row[0], part.to + part.count);
    }
  }
  if (is_score_like(first.at.point)) {
    if (row.size() == 1) row.insert(row.begin(), 1);
    row.back() = n_tokens;
  }
  return row;
}

// Whether every element of every row comes from some part.
bool covers(const Part& part, const ValueShape& shape) {
  int64_t size = 1;
  for (const int64_t extent : shape.row) size *= extent;
  if (part.value.partial) return false;
  if (!is_score_like(part.at.point)) return part.to == 0 && part.count == size;
  return part.layout.extent(Layout::column) > 0;
}

bool is_complete(const std::vector<Part>& parts, const ValueShape& shape) {
  std::set<int32_t> rows;
  for (const Part& part : parts) {
    if (covers(part, shape)) rows.insert(part.rows.begin(), part.rows.end());
  }
  return rows.size() == shape.rows.size();
}

void add_checksums(const Part& part, const ValueShape& shape, Observed& value) {
  for (const RawSum& sum : part.value.sums) {
    // Only a whole array's sum is that of rows side by side.
    const auto first = std::lower_bound(shape.rows.begin(), shape.rows.end(), part.rows.front());
    if (part.rows.back() - part.rows.front() + 1 != static_cast<int32_t>(part.rows.size())) continue;
    Checksum checksum;
    checksum.sum = sum.sum;
    checksum.quantum = sum.quantum;
    checksum.first_row = first - shape.rows.begin();
    checksum.rows = static_cast<int64_t>(part.rows.size());
    value.checksums.push_back(checksum);
  }
}

// How much the parts say, to choose between two names for one value; prints say a few numbers at most.
int64_t known_elements(const std::vector<Part>& parts) {
  int64_t n = 0;
  for (const Part& part : parts)
    n += part.value.partial ? 1 : static_cast<int64_t>(part.rows.size()) * part.count;
  return n;
}

StoredAs weaker(StoredAs a, StoredAs b) { return a == StoredAs::f32 ? b : a; }

void add_value(std::vector<Part> parts, const DumpContext& context, Dump& dump) {
  ValueShape shape;
  shape.at = parts[0].at;
  shape.row = row_of(parts, context.graph, static_cast<int64_t>(dump.tokens.size()));
  std::set<int32_t> rows;
  for (const Part& part : parts) rows.insert(part.rows.begin(), part.rows.end());
  shape.rows.assign(rows.begin(), rows.end());
  shape.complete = is_complete(parts, shape);
  Observed value;
  value.at = shape.at;
  value.rows = shape.rows;
  value.shape = shape.row;
  value.complete = shape.complete;
  value.source = source_of(parts[0].value);
  value.match = parts[0].match;
  value.stored = parts[0].value.stored;
  for (const Part& part : parts) {
    value.stored = weaker(value.stored, part.value.stored);
    value.quantum = std::max(value.quantum, part.value.quantum);
    add_checksums(part, shape, value);
  }
  const auto kept = std::make_shared<const std::vector<Part>>(std::move(parts));
  value.load = [kept, shape] { return gather(*kept, shape); };
  dump.values.emplace(value.at, std::move(value));
}

}  // namespace

void add_values(const std::vector<Part>& parts, const DumpContext& context, Dump& dump) {
  // What stands several times under one name is the value's rows.
  std::map<At, std::vector<std::vector<Part>>, AtOrder> by_place;
  for (const Part& part : parts) {
    std::vector<std::vector<Part>>& names = by_place[part.at];
    const auto same = [&](const std::vector<Part>& there) { return there[0].value.name == part.value.name; };
    const auto found = std::find_if(names.begin(), names.end(), same);
    (found == names.end() ? names.emplace_back() : *found).push_back(part);
  }
  for (auto& [at, names] : by_place) {
    const auto less = [](const auto& a, const auto& b) { return known_elements(a) < known_elements(b); };
    const auto best = std::max_element(names.begin(), names.end(), less);
    for (auto other = names.begin(); other != names.end(); ++other) {
      // llama.cpp prints the same numbers again behind each change of shape.
      if (other == best || !(*other)[0].value.op.empty()) continue;
      dump.unmatched.push_back({source_of((*other)[0].value), "is " + to_string(at) + " too, for which " +
                                                                  source_of((*best)[0].value) + " is used"});
    }
    add_value(std::move(*best), context, dump);
  }
}

}  // namespace kilter::analysis
