#include "observe/graph_ops.h"

#include <map>
#include <set>
#include <string>

#include "observe/listing_ops.h"
#include "support.h"

namespace kilter {
namespace {

Graph graph_of(const Model& model, const std::vector<int>& passes) {
  GraphOps ops;
  feed(model, ops, passes);
  return ops.graph();
}

// What `kilter explain` prints comes from a listing of the same pass: same values, ops, weights and shapes.
TEST(GraphOps, HasWhatAListingHas) {
  const TinyModel model;
  const Graph graph = graph_of(*model, {3});
  ListingOps listing;
  feed(*model, listing, {3});
  ASSERT_EQ(graph.nodes().size(), listing.ops().size());
  EXPECT_EQ(graph.n_layer(), 2);
  for (size_t i = 0; i < listing.ops().size(); ++i) {
    const ListedOp& op = listing.ops()[i];
    const Node& node = graph.nodes()[i];
    SCOPED_TRACE(to_string(op.at));
    EXPECT_EQ(node.at, op.at);
    EXPECT_EQ(node.op, op.op);
    EXPECT_EQ(node.weight == nullptr ? "" : node.weight->name, op.weight);
    EXPECT_EQ(node.inputs.size(), op.operands.size());
    EXPECT_EQ(node.row.rank, op.made.rank - 1);
    const bool over_positions = op.at.point == Point::attn_scores || op.at.point == Point::attn_softmax;
    for (int axis = 0; axis < node.row.rank; ++axis) {
      EXPECT_EQ(node.row[axis], over_positions && axis == 1 ? 0 : op.made[axis + 1]);
    }
    EXPECT_EQ(graph.find(op.at), &node);
  }
}

// The inputs that the formulas of ops/point.cc name, for a model that has every optional value; x is what the
// layer before left.
const std::map<std::string, std::vector<std::string>> kInputs = {
    {"attn_norm", {"x"}},
    {"attn_q", {"attn_norm"}},
    {"attn_q_bias", {"attn_q"}},
    {"attn_q_norm", {"attn_q_bias"}},
    {"attn_q_rope", {"attn_q_norm"}},
    {"attn_k", {"attn_norm"}},
    {"attn_k_bias", {"attn_k"}},
    {"attn_k_norm", {"attn_k_bias"}},
    {"attn_k_rope", {"attn_k_norm"}},
    {"attn_v", {"attn_norm"}},
    {"attn_v_bias", {"attn_v"}},
    {"attn_k_cache", {"attn_k_rope"}},
    {"attn_v_cache", {"attn_v_bias"}},
    {"attn_scores", {"attn_q_rope", "attn_k_cache"}},
    {"attn_softmax", {"attn_scores"}},
    {"attn_mix", {"attn_softmax", "attn_v_cache"}},
    {"attn_output", {"attn_mix"}},
    {"attn_output_bias", {"attn_output"}},
    {"attn_residual", {"x", "attn_output_bias"}},
    {"ffn_norm", {"attn_residual"}},
    {"ffn_gate", {"ffn_norm"}},
    {"ffn_gate_bias", {"ffn_gate"}},
    {"ffn_up", {"ffn_norm"}},
    {"ffn_up_bias", {"ffn_up"}},
    {"ffn_act", {"ffn_gate_bias"}},
    {"ffn_gated", {"ffn_act", "ffn_up_bias"}},
    {"ffn_down", {"ffn_gated"}},
    {"ffn_down_bias", {"ffn_down"}},
    {"ffn_residual", {"attn_residual", "ffn_down_bias"}},
    {"output_rows", {"blk.1.ffn_residual"}},
    {"output_norm", {"output_rows"}},
    {"output", {"output_norm"}},
    {"logits", {"output"}},
    {"token_embd", {}},
};

std::string input_name(const std::string& input, int il) {
  if (il < 0) return input;
  if (input != "x") return "blk." + std::to_string(il) + "." + input;
  return il == 0 ? "token_embd" : "blk." + std::to_string(il - 1) + ".ffn_residual";
}

TEST(GraphOps, ReadsWhatTheFormulasSay) {
  const TinyModel model;
  for (const int tokens : {1, 7}) {
    const Graph graph = graph_of(*model, {tokens});
    EXPECT_EQ(graph.nodes().size(), 2 * 29 + 5U);
    for (const Node& node : graph.nodes()) {
      std::vector<std::string> want;
      for (const std::string& input : kInputs.at(std::string(point_info(node.at.point).name))) {
        want.push_back(input_name(input, node.at.il));
      }
      std::vector<std::string> got;
      for (const At input : node.inputs) got.push_back(to_string(input));
      EXPECT_EQ(got, want) << to_string(node.at);
    }
  }
}

TEST(GraphOps, KnowsNumbersAndReaders) {
  const TinyModel model;
  const Graph graph = graph_of(*model, {2});
  EXPECT_EQ(graph.find(at(0, Point::attn_norm))->number, 1e-5F);
  EXPECT_EQ(graph.find(at(1, Point::attn_scores))->number, 0.4F);
  EXPECT_EQ(graph.find(at(1, Point::attn_q_rope))->rope, &model->layers[1].rope);
  EXPECT_EQ(graph.find(at(2, Point::attn_q)), nullptr);
  std::set<std::string> readers;
  for (const Node* node : graph.readers(at(0, Point::attn_norm))) readers.insert(to_string(node->at));
  EXPECT_EQ(readers, (std::set<std::string>{"blk.0.attn_q", "blk.0.attn_k", "blk.0.attn_v"}));
  EXPECT_TRUE(graph.readers(at(Point::logits)).empty());
}

// Layer by layer, the head last; within a layer as the enumerators stand.
TEST(GraphOps, OrderOfAtIsTheOrderOfThePass) {
  const AtOrder before;
  EXPECT_TRUE(before(at(Point::token_embd), at(0, Point::attn_norm)));
  EXPECT_TRUE(before(at(0, Point::ffn_residual), at(1, Point::attn_norm)));
  EXPECT_TRUE(before(at(1, Point::ffn_residual), at(Point::output_rows)));
  EXPECT_TRUE(before(at(Point::output_norm), at(Point::logits)));
  EXPECT_FALSE(before(at(1, Point::attn_q), at(1, Point::attn_q)));
  EXPECT_FALSE(before(at(1, Point::attn_norm), at(0, Point::ffn_residual)));
}

TEST(AddressDevice, PiecesDoNotOverlap) {
  AddressDevice device;
  const Result<DeviceMemory> a = device.allocate(10);
  const Result<DeviceMemory> b = device.allocate(1);
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_GE(reinterpret_cast<uintptr_t>(b->data()),
            reinterpret_cast<uintptr_t>(a->data()) + 10 * sizeof(float));
}

}  // namespace
}  // namespace kilter
