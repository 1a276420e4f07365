// The catalogue of bugs: each entry is a small change of the correct computation that somebody really made.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "analysis/dump/dump.h"
#include "analysis/replay/replay.h"

namespace kilter::analysis {

/// A value that does not follow from those in front of it.
struct Suspect {
  const Node* node = nullptr;      ///< the op whose value was seen
  std::span<const int32_t> rows;   ///< the tokens whose rows were seen
  const Elements* seen = nullptr;  ///< [rows.size(), row_size]
  ReplayView* view = nullptr;      ///< the run, with what has been found so far in force
  std::span<const Node* const>
      segment;  ///< the ops between the values that are trusted and this one, its own last:
                ///< one op in a full dump, the whole pass where only logits are known
  const Dump* dump = nullptr;
};

/// One concrete way in which it may have gone wrong.
struct Trial {
  std::shared_ptr<const Mutation> mutation;  ///< touches every node of the model that the bug would touch
  std::string
      detail;       ///< the measured or assumed part: "eps 1.000e-06 fits, the file says 1e-05". May be empty
  std::string fix;  ///< when it is more precise than Bug's own; else empty
  int fitted = 0;   ///< numbers that were fitted to the dump: the fewer the more it proves
};

/// What a person is told about a bug, whatever the model.
struct BugInfo {
  std::string_view id;     ///< "rope-pairs"; its page is docs/bugs/rope-pairs.md
  std::string_view title;  ///< "RoPE turns the wrong pairs of elements"
  std::string_view cause;  ///< one sentence: "The engine rotates elements (i, i + n_rot/2); this model wants
                           ///< (2i, 2i + 1)."
  std::string_view fix;    ///< one sentence
  int rank = 0;            ///< by how often people make it; 1 is the most frequent
  std::string_view next_measurement;  ///< what to dump to tell it from its look-alikes; may be empty
};

/// One entry.
class Bug {
 public:
  virtual ~Bug() = default;

  virtual const BugInfo& info() const = 0;
  /// Ways in which this bug may have made the suspect. Empty, where it cannot touch any op of the segment.
  /// Cheap: the trials are computed by the caller.
  virtual std::vector<Trial> trials(const Suspect& suspect) const = 0;
};

/// Another way to read the bytes of a weight.
struct Reading {
  std::string detail;  ///< "block size 148 instead of 144": the same for all weights that the bug hits alike
  /// out: [w.cols]. Errors: usage, where these bytes cannot be read so.
  std::function<Status(const Weight& w, int64_t row, std::span<float> out)> decode_row;
  /// out: [w.rows * w.cols], the same numbers. Empty, unless that is cheaper than row by row.
  std::function<Status(const Weight& w, std::span<float> out)> decode_all = {};
  int fitted = 0;
  bool of_numbers = false;  ///< it rearranges or changes the numbers of any f32 weight, however they were
                            ///< decoded: so it may come on top of another reading
};

/// All rows of `w` by `reading`. out: [w.rows * w.cols].
Status read_weight(const Reading& reading, const Weight& w, std::span<float> out);

/// Which nodes one trial of a WeightBug touches together.
enum class Reach {
  model,  ///< all whose weight has the reading: a decoder is one function
  group,  ///< these, and also each kind of weight alone (attn_q of all layers), the quantised ones, and those
          ///< of the layers without the head: a person wrote a line for each
};

/// A bug that reads weights wrongly. It can be found in decoded rows alone, without any forward pass, and its
/// trials are made from its readings.
class WeightBug : public Bug {
 public:
  /// Wrong readings of this very weight. Empty, where the bug cannot happen to it (another format, another
  /// shape). They may keep pointers into the model. Cheap: nothing is decoded.
  virtual std::vector<Reading> readings(const Weight& w, const ReplayModel& model) const = 0;
  /// One trial for each detail that readings() gives for weights of the segment, and for each group of nodes
  /// that reach() names; its mutation touches every node of the group whose weight has that reading.
  std::vector<Trial> trials(const Suspect& suspect) const override;

 protected:
  /// Whether the bug can happen where this node reads its weight.
  virtual bool touches(const Node& node) const { return node.weight != nullptr; }
  virtual Reach reach() const { return Reach::model; }
};

/// Every entry, by rank.
std::span<const Bug* const> all_bugs();

}  // namespace kilter::analysis
