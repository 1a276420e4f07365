// The bound of the arithmetic contract for one op call of a real pass.
#pragma once

#include <deque>
#include <vector>

#include "backend/reference/reference_ops.h"
#include "observe/op_call.h"
#include "ops/contract.h"

namespace kilter::golden {

/// What a call should give, element by element, and how far its result may be from that.
struct Judgement {
  std::vector<float> expected;  ///< in f64 from the operands that the call was given, rounded once
  std::vector<double> bound;    ///< contract_bound(), and the rounding of `expected`
};

/// Judges calls of a backend on the host by the contract. The magnitudes that a bound depends on are made by
/// the reference backend, from the magnitudes of the operands.
class CallBounds {
 public:
  /// `computing` made the values of the cache, and knows how they lie there.
  CallBounds(Ops& computing, Arithmetic arithmetic) : computing_(computing), arithmetic_(arithmetic) {}

  /// To be asked before the call is made, which may overwrite its operands. For any op but kv_store.
  Judgement judge(const OpCall& c);

 private:
  Tensor keep(Shape shape, std::vector<float> values);
  Tensor zeros(Shape shape);
  Tensor magnitude_of(const Tensor& x);
  // The cache as the reference lays it out.
  KvView plain_view(const OpCall& c, bool magnitudes);
  Tensor run(OpCall c);

  // S and B of contract.h.
  struct Terms {
    Tensor s;
    Tensor b;  // without memory: zeros
  };
  Terms terms(const OpCall& c, const Tensor& expected);
  Terms product_terms(const OpCall& c);
  Terms rope_terms(const OpCall& c);
  Terms softmax_terms(const Tensor& expected);
  int64_t sum_length(const OpCall& c, const OpContract& contract) const;

  Ops& computing_;
  Arithmetic arithmetic_;
  reference::ReferenceOps reference_{2};
  std::deque<std::vector<float>> memory_;  // of one judge()
};

}  // namespace kilter::golden
