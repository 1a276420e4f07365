#include "analysis/dump/part.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/checked.h"
#include "base/free_memory.h"
#include "base/utf8.h"

namespace kilter::analysis {
namespace {

constexpr int64_t kNowhere = -1;
constexpr uint64_t kBytesOfElement =
    16;  // value, whether it is known, where it goes, and the file's own copy
// A few printed numbers may announce any shape: no value of a pass that somebody prints is larger.
constexpr uint64_t kMostSparse = uint64_t{1} << 28;

int64_t row_size(const ValueShape& shape) {
  int64_t n = 1;
  for (const int64_t extent : shape.row) n *= extent;
  return n;
}

// An engine that keeps no cache has scores for the newest positions only: how many in front it did not see.
int64_t unseen_positions(const Part& part) {
  if (!is_score_like(part.at.point)) return 0;
  return std::max(int64_t{0}, int64_t{part.rows.back()} + 1 - part.layout.extent(Layout::column));
}

// Where element (h, c) of a row of the array stands in a row of the value.
class Columns {
 public:
  Columns(const Part& part, const ValueShape& shape)
      : heads_(part.layout.extent(Layout::head)), columns_(part.layout.extent(Layout::column)) {
    to_.resize(static_cast<size_t>(heads_ * columns_), kNowhere);
    const bool scores = is_score_like(part.at.point);
    const int64_t size = row_size(shape);
    const int64_t unseen = unseen_positions(part);
    for (int64_t i = 0; i < heads_ * columns_; ++i) {
      int64_t to = i - part.first;
      if (to < 0 || to >= part.count) continue;
      if (scores) {
        // The axis of positions may be padded, and is cut.
        const int64_t position = i % columns_ + unseen;
        to = position < shape.row.back() ? i / columns_ * shape.row.back() + position : kNowhere;
      } else if (part.head_pairs > 1) {
        const int64_t half = part.head_pairs / 2;
        const int64_t in_head = to % part.head_pairs;
        to += 2 * (in_head % half) + in_head / half - in_head;
      }
      if (to != kNowhere) to += part.to;
      if (to < size) to_[static_cast<size_t>(i)] = to;
    }
  }

  int64_t operator()(int64_t head, int64_t column) const {
    return to_[static_cast<size_t>(head * columns_ + column)];
  }

 private:
  int64_t heads_;
  int64_t columns_;
  std::vector<int64_t> to_;
};

// Puts the elements of one part in place.
class Placer {
 public:
  Placer(const Part& part, const ValueShape& shape, Elements& out)
      : part_(part), shape_(shape), out_(out), columns_(part, shape), row_size_(row_size(shape)) {
    const auto& roles = part.layout.roles;
    for (size_t axis = 0; axis < roles.size(); ++axis) axis_of_[roles[axis]] = axis;
    for (const int32_t row : part.rows) {
      const auto found = std::lower_bound(shape.rows.begin(), shape.rows.end(), row);
      row_of_.push_back(found - shape.rows.begin());
    }
  }

  // Positions that the engine had no scores for do not count in its softmax either.
  void fill_unseen_front() {
    const int64_t unseen = unseen_positions(part_);
    const bool scores = part_.at.point == Point::attn_scores;
    for (const int64_t row : row_of_) {
      for (int64_t i = 0; i < row_size_; ++i) {
        if (i % shape_.row.back() >= unseen) continue;
        const auto at = static_cast<size_t>(row * row_size_ + i);
        out_.values[at] = scores ? -std::numeric_limits<float>::infinity() : 0.0F;
        out_.known[at] = 1;
      }
    }
  }

  void put(int64_t index, float value) {
    const auto& e = part_.layout.extents;
    const std::array<int64_t, 3> place = {index / (e[1] * e[2]), index / e[2] % e[1], index % e[2]};
    const int64_t column = columns_(place[axis_of_[Layout::head]], place[axis_of_[Layout::column]]);
    if (column == kNowhere) return;
    const int64_t row = row_of_[static_cast<size_t>(place[axis_of_[Layout::row]])];
    const auto at = static_cast<size_t>(row * row_size_ + column);
    out_.values[at] = value * part_.scale;
    out_.known[at] = 1;
  }

 private:
  const Part& part_;
  const ValueShape& shape_;
  Elements& out_;
  Columns columns_;
  int64_t row_size_;
  std::array<size_t, 3> axis_of_{};
  std::vector<int64_t> row_of_;
};

Status place_part(const Part& part, const ValueShape& shape, Elements& out) {
  KILTER_ASSIGN(const RawElements raw, part.value.load());
  const int64_t n = part.value.elements();
  const bool sparse = !raw.index.empty();
  if (sparse ? raw.index.size() != raw.values.size() : static_cast<int64_t>(raw.values.size()) != n) {
    if (!(part.value.partial && raw.values.empty())) {
      return Error{ErrorCode::corrupt, quoted(part.value.name), "has not as many numbers as its shape needs",
                   ""};
    }
  }
  Placer placer(part, shape, out);
  if (is_score_like(shape.at.point)) placer.fill_unseen_front();
  for (size_t i = 0; i < raw.values.size(); ++i) {
    const int64_t index = sparse ? raw.index[i] : static_cast<int64_t>(i);
    if (index >= 0 && index < n) placer.put(index, raw.values[i]);
  }
  return {};
}

// Positions behind a row's own: -infinity in scores, whatever was there; 0 in the softmax, where nothing was.
void fill_unseen(const ValueShape& shape, Elements& out) {
  const bool scores = shape.at.point == Point::attn_scores;
  const int64_t length = shape.row.back();
  const int64_t heads = shape.row[0];
  for (size_t r = 0; r < shape.rows.size(); ++r) {
    for (int64_t h = 0; h < heads; ++h) {
      const size_t begin =
          (r * static_cast<size_t>(heads) + static_cast<size_t>(h)) * static_cast<size_t>(length);
      for (int64_t l = shape.rows[r] + 1; l < length; ++l) {
        const size_t at = begin + static_cast<size_t>(l);
        if (!scores && out.known[at] != 0) continue;
        out.values[at] = scores ? -std::numeric_limits<float>::infinity() : 0.0F;
        out.known[at] = 1;
      }
    }
  }
}

}  // namespace

Result<Elements> gather(const std::vector<Part>& parts, const ValueShape& shape) {
  const auto size = checked_mul(shape.rows.size(), static_cast<uint64_t>(row_size(shape)));
  const bool sparse = std::any_of(parts.begin(), parts.end(), [](const Part& p) { return p.value.partial; });
  if (!size || *size > (sparse ? kMostSparse : free_memory().value_or(UINT64_MAX) / kBytesOfElement)) {
    return Error{ErrorCode::memory, to_string(shape.at),
                 "is " + std::to_string(shape.rows.size()) + " rows of " + shape_text(shape.row) +
                     ", more than can be held in memory",
                 "dump fewer tokens"};
  }
  Elements out;
  out.values.assign(*size, 0.0F);
  out.known.assign(*size, 0);
  for (const Part& part : parts) KILTER_TRY(place_part(part, shape, out));
  if (is_score_like(shape.at.point) && shape.row.size() == 2) fill_unseen(shape, out);
  if (std::all_of(out.known.begin(), out.known.end(), [](uint8_t known) { return known != 0; }))
    out.known.clear();
  return out;
}

}  // namespace kilter::analysis
