// Runs llama.cpp and writes every value of the passes under kilter's names: tools/dump_llama_cpp builds it.
//
// Usage: dump_llama_cpp MODEL OUTPUT IDS STEPS CACHE THREADS ONLY [KEY=TEXT...]
//
// llama.cpp hands each node of its graph to a callback. A node's own name says too little (Qcur-0 is a
// product, a sum, a reshaped view and a rotated value), so a node is known by its op and by the weight that
// it reads, and only where it reads none by its name. All of a value is kept, not the first few numbers.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "kilter_dump.h"
#include "llama.h"

namespace {

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "dump_llama_cpp: %s\n", what.c_str());
  std::exit(1);
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

std::string source_name(const ggml_tensor& t, int i) {
  return t.src[i] == nullptr ? "" : ggml_get_name(t.src[i]);
}

/// "Qcur-3" as {"Qcur", 3}; the layer is -1 where there is none.
struct NodeName {
  explicit NodeName(const ggml_tensor& t) : text(ggml_get_name(&t)) {
    const size_t dash = text.rfind('-');
    if (dash == std::string::npos || dash + 1 == text.size()) return;
    layer = std::atoi(text.c_str() + dash + 1);
    text.resize(dash);
  }
  std::string in_layer(const char* point) const { return "blk." + std::to_string(layer) + "." + point; }
  std::string text;
  int layer = -1;
};

/// "blk.3.attn_q.weight" as "blk.3.attn_q", "blk.3.attn_q.bias" as "blk.3.attn_q_bias".
std::string made_with(std::string weight) {
  for (const auto& [end, value_end] : {std::pair{".weight", ""}, std::pair{".bias", "_bias"}}) {
    if (ends_with(weight, end))
      return weight.replace(weight.size() - std::strlen(end), std::string::npos, value_end);
  }
  return "";
}

/// Products: of a weight, or of queries and keys ("kq", which becomes the scores once the scale is known).
std::string product_name(const ggml_tensor& t, const NodeName& name) {
  const std::string weight = source_name(t, 0);
  if (weight == "output.weight" || weight == "token_embd.weight") {
    return name.text == "result_output" ? "logits" : "output";
  }
  return name.text == "kq" ? name.in_layer("kq") : made_with(weight);
}

std::string sum_name(const ggml_tensor& t, const NodeName& name) {
  const std::string weight = source_name(t, 1);
  if (weight == "output.bias") return "logits";
  if (ends_with(weight, ".bias")) return made_with(weight);
  if (name.text == "ffn_inp") return name.in_layer("attn_residual");
  return name.text == "l_out" ? name.in_layer("ffn_residual") : "";
}

std::string stored_name(const ggml_tensor& t) {
  int layer = 0;
  char part = 0;
  if (std::sscanf(ggml_get_name(&t), "cache_%c_l%d", &part, &layer) != 2) return "";
  return "blk." + std::to_string(layer) + ".attn_" + part + "_cache";
}

/// kilter's name of the value that a node makes; empty where kilter has no such value.
std::string value_name(const ggml_tensor& t) {
  const NodeName name(t);
  switch (t.op) {
    case GGML_OP_GET_ROWS:
      return source_name(t, 0) == "token_embd.weight" ? "token_embd" : "";
    case GGML_OP_MUL_MAT:
      return product_name(t, name);
    case GGML_OP_ADD:
      return sum_name(t, name);
    case GGML_OP_MUL:
      if (ends_with(source_name(t, 1), "norm.weight")) return made_with(source_name(t, 1));
      return name.text == "ffn_gate_par" ? name.in_layer("ffn_gated") : "";
    case GGML_OP_ROPE:
      if (name.text == "Qcur") return name.in_layer("attn_q_rope");
      return name.text == "Kcur" ? name.in_layer("attn_k_rope") : "";
    case GGML_OP_SET_ROWS:
      return stored_name(t);
    case GGML_OP_SOFT_MAX:
      return name.text == "kq_soft_max" ? name.in_layer("attn_softmax") : "";
    case GGML_OP_CONT:
      return name.text == "kqv_out" ? name.in_layer("attn_mix") : "";
    case GGML_OP_GLU:
      return name.text == "ffn_swiglu" ? name.in_layer("ffn_gated") : "";
    case GGML_OP_UNARY:
      return name.text == "ffn_silu" ? name.in_layer("ffn_act") : "";
    default:
      return "";
  }
}

float element(ggml_type type, const char* at) {
  if (type == GGML_TYPE_F32) return *reinterpret_cast<const float*>(at);
  if (type == GGML_TYPE_F16) return ggml_fp16_to_fp32(*reinterpret_cast<const ggml_fp16_t*>(at));
  fail(std::string("values of type ") + ggml_type_name(type) + " are not expected");
}

/// All elements as f32, the fastest axis first, wherever and however the tensor lies.
std::vector<float> read_all(const ggml_tensor& t) {
  std::vector<char> bytes(ggml_nbytes(&t));
  ggml_backend_tensor_get(&t, bytes.data(), 0, bytes.size());
  std::vector<float> values;
  values.reserve(static_cast<size_t>(ggml_nelements(&t)));
  for (int64_t i3 = 0; i3 < t.ne[3]; ++i3) {
    for (int64_t i2 = 0; i2 < t.ne[2]; ++i2) {
      for (int64_t i1 = 0; i1 < t.ne[1]; ++i1) {
        const char* row = bytes.data() + i1 * t.nb[1] + i2 * t.nb[2] + i3 * t.nb[3];
        for (int64_t i0 = 0; i0 < t.ne[0]; ++i0) values.push_back(element(t.type, row + i0 * t.nb[0]));
      }
    }
  }
  return values;
}

/// What SET_ROWS put into the cache, read from the cache, in the order of the rows that it was given.
std::vector<float> read_stored(const ggml_tensor& t) {
  const std::vector<float> cache = read_all(t);
  std::vector<int64_t> rows(static_cast<size_t>(ggml_nelements(t.src[1])));
  if (t.src[1]->type != GGML_TYPE_I64) fail("the rows of the cache are not numbered in 64 bits");
  ggml_backend_tensor_get(t.src[1], rows.data(), 0, rows.size() * sizeof rows[0]);
  std::vector<float> values;
  for (const int64_t row : rows) {
    values.insert(values.end(), cache.begin() + row * t.ne[0], cache.begin() + (row + 1) * t.ne[0]);
  }
  return values;
}

class Recorder {
 public:
  Recorder(const llama_model& model, int64_t n_all, const std::string& only)
      : n_head_(llama_model_n_head(&model)),
        n_head_kv_(llama_model_n_head_kv(&model)),
        n_all_(n_all),
        only_(only) {}

  /// The rows of the next pass, whose first one is at position `first`.
  void begin_pass(int64_t first, int64_t rows) { first_ = first, rows_ = rows; }

  bool wants(const std::string& name) const {
    if (name.empty()) return false;
    if (ends_with(name, ".kq")) return wants(scores_of(name));
    return std::regex_search(name, only_) || (ends_with(name, ".attn_softmax") && wants(scores_of(name)));
  }

  void take(const std::string& name, const ggml_tensor& t) {
    if (t.op == GGML_OP_SET_ROWS) return write(name, read_stored(t));
    if (ends_with(name, ".kq")) {  // the memory may serve the softmax next
      kq_ = read_all(t);
      return;
    }
    if (t.op == GGML_OP_SOFT_MAX) return take_softmax(name, t);
    write(name, read_all(t));
  }

 private:
  static std::string scores_of(const std::string& name) {
    return name.substr(0, name.rfind('.')) + ".attn_scores";
  }

  int64_t heads(const std::string& name) const {
    const std::string point = name.substr(name.rfind('.') + 1);
    if (point.rfind("attn_q", 0) == 0 || point == "attn_mix") return n_head_;
    return point.rfind("attn_k", 0) == 0 || point.rfind("attn_v", 0) == 0 ? n_head_kv_ : 0;
  }

  void write(const std::string& name, const std::vector<float>& values) {
    const int64_t row = static_cast<int64_t>(values.size()) / rows_;
    const int64_t n = heads(name);
    const bool split = n > 0 && row % n == 0;
    kd_value(name.c_str(), 0, values.data(), rows_, split ? n : row, split ? row / n : 0);
  }

  // The softmax node scales and masks what it is given, [head][row][position]: kilter's scores are that.
  void take_softmax(const std::string& name, const ggml_tensor& t) {
    float scale = 1;
    std::memcpy(&scale, t.op_params, sizeof scale);
    if (std::regex_search(scores_of(name), only_) && NodeName(*t.src[0]).text == "kq") {
      for (float& x : kq_) x *= scale;
      write_positions(scores_of(name), kq_, t, -std::numeric_limits<float>::infinity());
    }
    if (std::regex_search(name, only_)) write_positions(name, read_all(t), t, 0);
  }

  void write_positions(const std::string& name, const std::vector<float>& from, const ggml_tensor& t,
                       float unseen) {
    std::vector<float> values(static_cast<size_t>(rows_ * t.ne[2] * n_all_), unseen);
    for (int64_t h = 0; h < t.ne[2]; ++h) {
      for (int64_t row = 0; row < rows_; ++row) {
        std::copy_n(from.begin() + (h * t.ne[1] + row) * t.ne[0], first_ + row + 1,
                    values.begin() + (row * t.ne[2] + h) * n_all_);
      }
    }
    kd_value(name.c_str(), 0, values.data(), rows_, t.ne[2], n_all_);
  }

  int64_t n_head_, n_head_kv_;
  int64_t n_all_;  // positions of the whole run
  std::regex only_;
  int64_t first_ = 0, rows_ = 0;
  std::vector<float> kq_;  // of the layer that is at work
};

bool on_node(ggml_tensor* t, bool ask, void* recorder) {
  auto& r = *static_cast<Recorder*>(recorder);
  const std::string name = value_name(*t);
  if (ask) return r.wants(name);
  r.take(name, *t);
  return true;
}

llama_context* make_context(llama_model* model, int64_t n_all, const std::string& cache, int threads,
                            Recorder& r) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = params.n_batch = params.n_ubatch = static_cast<uint32_t>(n_all);
  params.n_threads = params.n_threads_batch = threads;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;  // it makes neither scores nor softmax
  params.type_k = params.type_v = cache == "f32" ? GGML_TYPE_F32 : GGML_TYPE_F16;
  params.cb_eval = on_node;
  params.cb_eval_user_data = &r;
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) fail("llama.cpp cannot make a context");
  return context;
}

/// One pass with logits for every row; the likeliest token after its last one.
llama_token run_pass(llama_context* context, const std::vector<llama_token>& ids, int64_t first,
                     Recorder& r) {
  llama_batch batch = llama_batch_init(static_cast<int32_t>(ids.size()), 0, 1);
  for (size_t i = 0; i < ids.size(); ++i) {
    batch.token[i] = ids[i];
    batch.pos[i] = static_cast<llama_pos>(first + static_cast<int64_t>(i));
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  batch.n_tokens = static_cast<int32_t>(ids.size());
  r.begin_pass(first, batch.n_tokens);
  kd_pass(ids.data(), batch.n_tokens);
  if (llama_decode(context, batch) != 0) fail("llama.cpp cannot run the pass");
  llama_batch_free(batch);
  const float* logits = llama_get_logits_ith(context, -1);
  const llama_vocab* vocab = llama_model_get_vocab(llama_get_model(context));
  return static_cast<llama_token>(std::max_element(logits, logits + llama_vocab_n_tokens(vocab)) - logits);
}

std::vector<llama_token> parse_ids(const std::string& text, const llama_vocab* vocab) {
  std::vector<llama_token> ids;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    ids.push_back(std::atoi(part.c_str()));
    if (ids.back() < 0 || ids.back() >= llama_vocab_n_tokens(vocab)) fail("there is no token " + part);
  }
  if (ids.empty()) fail("no token ids were given");
  return ids;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 8) fail("usage: dump_llama_cpp MODEL OUTPUT IDS STEPS CACHE THREADS ONLY [KEY=TEXT...]");
  const std::vector<std::string> args(argv, argv + argc);
  llama_log_set(
      [](ggml_log_level level, const char* text, void*) {
        if (level == GGML_LOG_LEVEL_ERROR) std::fputs(text, stderr);
      },
      nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) fail("llama.cpp cannot load " + args[1]);

  std::vector<llama_token> ids = parse_ids(args[3], llama_model_get_vocab(model));
  const int steps = std::atoi(argv[4]);
  const int64_t n_all = static_cast<int64_t>(ids.size()) + steps;
  Recorder recorder(*model, n_all, args[7]);
  kd_begin(argv[2]);
  for (int i = 8; i < argc; ++i) {
    const size_t equals = args[i].find('=');
    if (equals != std::string::npos)
      kd_meta(args[i].substr(0, equals).c_str(), args[i].substr(equals + 1).c_str());
  }
  llama_context* context = make_context(model, n_all, args[5], std::atoi(argv[6]), recorder);
  int64_t first = 0;
  for (int pass = 0; pass <= steps; ++pass) {
    const llama_token next = run_pass(context, ids, first, recorder);
    first += static_cast<int64_t>(ids.size());
    ids = {next};
  }
  kd_end();
  return 0;
}
