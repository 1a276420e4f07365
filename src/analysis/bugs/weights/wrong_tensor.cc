// Another tensor, or none, where this one belongs.
#include <algorithm>
#include <set>

#include "analysis/bugs/weights/tensor_name.h"
#include "analysis/bugs/weights/weight_bugs.h"

namespace kilter::analysis {
namespace {

bool is_bias(std::string_view name) { return name.ends_with(".bias"); }

// Rank of layer il when layers are sorted as text: 0, 1, 10, 11, 2, ...
int place_as_text(int il, int n_layer) {
  const std::string name = std::to_string(il);
  int before = 0;
  for (int other = 0; other < n_layer; ++other) before += std::to_string(other) < name ? 1 : 0;
  return before;
}

// The layer whose place in the order of names as text is il.
int layer_at_text_place(int il, int n_layer) {
  for (int other = 0; other < n_layer; ++other) {
    if (place_as_text(other, n_layer) == il) return other;
  }
  return il;
}

// blk.1 is found for blk.10 when names are compared by their beginning.
int first_digit(int il) {
  while (il >= 10) il /= 10;
  return il;
}

struct Collector {
  const Weight& w;
  std::vector<Reading> found = {};

  void offer(const Weight* other, std::string detail, int fitted = 0) {
    if (other == nullptr || other->name == w.name || !same_shape(*other, w)) return;
    found.push_back(instead(std::move(detail), *other));
    found.back().fitted = fitted;
  }
};

void offer_layers(Collector& to, const ReplayModel& model, int il, std::string_view rest) {
  const int n_layer = model.graph->n_layer();
  to.offer(layer_weight(model, 0, rest), "the tensor of layer 0 in every layer");
  to.offer(layer_weight(model, n_layer - 1, rest), "the tensor of the last layer in every layer");
  to.offer(layer_weight(model, il - 1, rest), "the tensor of the layer before");
  to.offer(layer_weight(model, il + 1, rest), "the tensor of the layer behind");
  to.offer(layer_weight(model, first_digit(il), rest),
           "blk.1 found for blk.10: names compared by their beginning");
  to.offer(layer_weight(model, layer_at_text_place(il, n_layer), rest),
           "layers in the order of their names as text: 0, 1, 10, 11, .., 2");
}

// Names that are taken for each other. Those of fused-split (q, k, v; gate, up) are not here.
constexpr std::pair<std::string_view, std::string_view> kAlike[] = {
    {"attn_norm.weight", "ffn_norm.weight"},
    {"attn_q.weight", "attn_output.weight"},
    {"attn_q_norm.weight", "attn_k_norm.weight"},
    {"attn_q.bias", "attn_output.bias"},
    {"attn_k.bias", "attn_v.bias"},
};

void offer_names(Collector& to, const ReplayModel& model, int il, std::string_view rest) {
  for (const auto& [a, b] : kAlike) {
    if (rest != a && rest != b) continue;
    const std::string_view other = rest == a ? b : a;
    to.offer(layer_weight(model, il, other), std::string(a) + " and " + std::string(b) + " exchanged");
    to.offer(layer_weight(model, il, other), std::string(other) + " in place of " + std::string(rest));
  }
}

bool belong_to_fused(const TensorName& a, const TensorName& b) {
  const auto of_qkv = [](std::string_view rest) {
    return rest == "attn_q.weight" || rest == "attn_k.weight" || rest == "attn_v.weight";
  };
  const auto of_ffn = [](std::string_view rest) {
    return rest == "ffn_gate.weight" || rest == "ffn_up.weight";
  };
  return a.il == b.il && ((of_qkv(a.rest) && of_qkv(b.rest)) || (of_ffn(a.rest) && of_ffn(b.rest)));
}

// Any other tensor of the model that has the shape: which one is fitted.
void offer_all(Collector& to, const ReplayModel& model) {
  const TensorName own = tensor_name(to.w.name);
  std::set<std::string_view> seen;
  for (const Node& node : model.graph->nodes()) {
    const Weight* other = node.weight;
    if (other == nullptr || !same_shape(*other, to.w) || !seen.insert(other->name).second) continue;
    const bool ends = to.w.name == "output.weight" || to.w.name == "token_embd.weight";
    if (ends || belong_to_fused(own, tensor_name(other->name))) continue;
    to.offer(other, other->name + " read for " + to.w.name, 1);
  }
}

std::vector<Reading> wrong_tensors(const Weight& w, const ReplayModel& model) {
  Collector to{w};
  const auto [il, rest] = tensor_name(w.name);
  if (il >= 0) {
    offer_layers(to, model, il, rest);
    offer_names(to, model, il, rest);
  } else if (rest == "output_norm.weight") {
    const int last = model.graph->n_layer() - 1;
    to.offer(layer_weight(model, last, "ffn_norm.weight"),
             "ffn_norm of the last layer in place of output_norm");
    to.offer(layer_weight(model, last, "attn_norm.weight"),
             "attn_norm of the last layer in place of output_norm");
    to.offer(layer_weight(model, 0, "attn_norm.weight"), "attn_norm of layer 0 in place of output_norm");
  }
  offer_all(to, model);
  return std::move(to.found);
}

constexpr BugInfo kWrongTensor{
    .id = "wrong-tensor",
    .title = "The weight of another layer or name is used",
    .cause =
        "The engine's look-up finds another tensor of the same shape: another layer's (blk.1 for blk.10), or "
        "one with "
        "a similar name (attn_norm for ffn_norm).",
    .fix =
        "Look tensors up by their whole name, and print a hash of each weight beside `kilter inspect "
        "--tensors`.",
    .rank = 6,
    .next_measurement = "dump the first decoded row of the weight, or the same value of another layer"};

/// Any tensor for any other is tried where few weights are in question: in a whole pass there are too many
/// pairs.
class WrongTensorBug final : public WeightBugEntry {
 public:
  WrongTensorBug() : WeightBugEntry(kWrongTensor, wrong_tensors) {}

  std::vector<Trial> trials(const Suspect& suspect) const override {
    constexpr std::ptrdiff_t kFewWeights = 2;
    std::vector<Trial> found = WeightBugEntry::trials(suspect);
    const auto weights = std::count_if(suspect.segment.begin(), suspect.segment.end(),
                                       [](const Node* node) { return node->weight != nullptr; });
    if (weights > kFewWeights) std::erase_if(found, [](const Trial& trial) { return trial.fitted > 0; });
    return found;
  }
};

// Biases have bias-left-out.
std::vector<Reading> never_loaded(const Weight& w, const ReplayModel&) {
  if (is_bias(w.name)) return {};
  return {all_equal("all zeros", 0)};
}

constexpr BugInfo kNotLoaded{
    .id = "weight-not-loaded",
    .title = "A weight was never loaded",
    .cause =
        "The engine multiplies with zeros: the tensor was not found, not copied to the device, or "
        "overwritten by an "
        "initialiser.",
    .fix =
        "Fail when a tensor that the architecture needs is missing, and count the tensors that were loaded.",
    .rank = 6,
    .next_measurement = "dump the first decoded row of the weight"};

std::vector<Reading> other_end(const Weight& w, const ReplayModel& model) {
  const bool is_table = w.name == "token_embd.weight";
  if (!is_table && w.name != "output.weight") return {};
  const Weight* other = model.weight(is_table ? "output.weight" : "token_embd.weight");
  if (other == nullptr || !same_shape(*other, w)) return {};
  return {instead(is_table ? "output.weight used for the embedding" : "token_embd.weight used for the logits",
                  *other)};
}

constexpr BugInfo kTied{
    .id = "tied-head",
    .title = "Embedding and LM head are tied although the file has both",
    .cause =
        "The file has an output.weight of its own; the engine uses token_embd.weight for the logits (or the "
        "reverse).",
    .fix = "Use output.weight where the file has it, and token_embd.weight only where it does not.",
    .rank = 23,
    .next_measurement = "dump output_norm and the logits"};

}  // namespace

std::span<const Bug* const> wrong_tensor_bugs() {
  static const WrongTensorBug wrong;
  static const WeightBugEntry not_loaded(kNotLoaded, never_loaded, Reach::group);
  static const WeightBugEntry tied(kTied, other_end);
  static const Bug* const all[] = {&wrong, &not_loaded, &tied};
  return all;
}

}  // namespace kilter::analysis
