// What an op call should give, and how far it may be from that: the contract, applied to one call of a real
// pass.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "numerics/verdict.h"
#include "observe/op_call.h"
#include "ops/contract.h"

namespace kilter {

/// What the oracle computes from.
enum class Operands {
  as_used,  ///< what the contract rounds the operands to (activation_rounding.h): what is left is the bound
            ///< of the sum alone, in `fast` a thousand times tighter
  given,    ///< what the caller passed; the bound has room for that rounding
};

/// How calls are judged.
struct Judging {
  Arithmetic arithmetic = Arithmetic::f32;  ///< in which the judged ops compute
  Operands operands = Operands::as_used;
  Ops* twin =
      nullptr;  ///< computes the same calls in another trusted arithmetic, on the host; null: nobody does.
                ///< It is not asked for ops that read the cache, whose layout is the backend's own
};

/// What one call should give, element by element of OpCall::made().
struct Judgement {
  std::vector<float> oracle;       ///< in f64 from the operands, rounded once
  std::vector<double> guaranteed;  ///< contract_bound(), and the rounding of `oracle`; NaN where the contract
                                   ///< makes no promise: operands from 2^16 on
  std::vector<double> expected;    ///< expected_bound(), and the rounding of `oracle`
  std::vector<float> twin;  ///< what the twin makes of it; empty without one. Its distance from the oracle is
                            ///< what another trusted arithmetic is off

  std::vector<float> x;  ///< the first operand as the oracle was given it; empty for embed and kv_store

  Bounds bounds(size_t i) const { return {guaranteed[i], expected[i]}; }
};

/// Judges calls by the contract. The numbers and the magnitudes that the bounds depend on are made by the
/// oracle, which must compute in host memory: the reference backend.
class CallBounds {
 public:
  /// `computing` makes the judged values: tensors of a call are its. All must outlive the bounds.
  CallBounds(Ops& computing, Ops& oracle, const Judging& how)
      : computing_(computing), oracle_(oracle), how_(how) {}

  /// To be asked before the call is made, which may overwrite its operands.
  Judgement judge(const OpCall& c);

 private:
  // S and B of contract.h.
  struct Terms {
    Tensor s;
    Tensor b;  // without memory: zeros
  };
  // A call whose tensors are in host memory of ours.
  struct HostCall {
    OpCall call;
    Tensor x;
    Tensor b;
    KvView kv;
  };

  Tensor keep(Shape shape, std::vector<float> values);
  Tensor zeros(Shape shape);
  Tensor on_host(const Tensor& x);
  Tensor magnitude_of(const Tensor& x);
  // The rows of a pool that the call may see, as the oracle lays them out.
  Tensor plain_pool(const OpCall& c, CachePart part, const Tensor& pool);
  void take_operands(const OpCall& c, HostCall& to);
  Tensor run(Ops& ops, OpCall c);

  Terms terms(const HostCall& c, const Tensor& exact);
  Terms product_terms(const OpCall& c);
  Terms rope_terms(const OpCall& c);
  Terms softmax_terms(const Tensor& exact);
  Terms attention_terms(const HostCall& c);

  Judgement judge_store(const OpCall& c);
  Arithmetic arithmetic_of(const OpCall& c) const;
  bool rounds_activations(const OpCall& c) const;

  Ops& computing_;
  Ops& oracle_;
  Judging how_;
  std::deque<std::vector<float>> memory_;  // of one judge()
};

}  // namespace kilter
