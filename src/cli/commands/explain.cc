#include <algorithm>

#include "base/utf8.h"
#include "cli/args.h"
#include "cli/command.h"
#include "cli/explain/block_report.h"
#include "cli/explain/op_report.h"
#include "cli/json_text.h"
#include "cli/model_path.h"
#include "cli/output.h"
#include "cli/suggest.h"
#include "engine/list_forward.h"

namespace kilter::cli {
namespace {

const CommandInfo kInfo = {
    .name = "explain",
    .summary = "Show what a model computes, op by op, or one block of a tensor, number by number",
    .description =
        "Without --tensor: the op list of this very model. Every value of the forward pass with its name, "
        "its shape, "
        "its formula, the weight that it uses, and what it costs in bytes and multiply-adds. Nothing is "
        "computed: the "
        "list is what the one forward pass asks for.\n\n"
        "With --tensor: one block of that tensor decoded line by line - its bytes, its fields, the scales "
        "unpacked "
        "from them, the formula, and every code and value - so that somebody with another decoder can put "
        "theirs "
        "beside it.\n\n"
        "The names are those that `kilter trace` writes.",
    .examples = {{"kilter explain model.gguf", "one new token after an empty context"},
                 {"kilter explain model.gguf --tokens 512", "a prompt of 512 tokens in one pass"},
                 {"kilter explain model.gguf --ctx 4096", "one new token at the end of 4096 positions"},
                 {"kilter explain model.gguf --tensor blk.0.attn_q.weight --block 3",
                  "a block, line by line"}},
    .exits = {},
};

class Explain : public Command {
 public:
  const CommandInfo& info() const override { return kInfo; }

  std::vector<Option> options() override {
    return {{.names = "MODEL",
             .target = &model_,
             .help = "A GGUF file, or a spec that `kilter pull` has fetched.",
             .completes = Completes::model},
            {.names = "--tokens",
             .value = "N",
             .target = &tokens_,
             .help = "Rows of the pass: new tokens that are computed together.",
             .range = {.min = 1, .max = 1 << 20}},
            {.names = "--ctx",
             .value = "N",
             .target = &n_ctx_,
             .help = "Positions up to and including the last of these tokens; 0: just these tokens.",
             .range = {.min = 0, .max = 1 << 30}},
            {.names = "--all-layers",
             .target = &all_layers_,
             .help = "Shows layers that are alike each by itself."},
            {.names = "--tensor",
             .value = "NAME",
             .target = &tensor_,
             .help = "The tensor whose block is shown."},
            {.names = "--block",
             .value = "N",
             .target = &block_,
             .help = "Which block of it, counted along the rows.",
             .range = {.min = 0}},
            json_option(json_)};
  }

  Result<ExitCode> run(Context& context) override {
    KILTER_ASSIGN(const std::string path, find_model(model_, context.environment));
    KILTER_ASSIGN(gguf::File opened, gguf::File::open(path));
    const auto file = std::make_shared<const gguf::File>(std::move(opened));
    KILTER_ASSIGN(const std::string report, tensor_.empty() ? explain_ops(file) : explain_block(*file));
    context.out.write(report);
    return ExitCode::ok;
  }

 private:
  Result<std::string> explain_ops(const std::shared_ptr<const gguf::File>& file) const {
    KILTER_ASSIGN(const Model model, load_model(file));
    const int64_t n_ctx = n_ctx_ == 0 ? tokens_ : n_ctx_;
    if (n_ctx < tokens_) {
      return Error{ErrorCode::usage, "--ctx",
                   std::to_string(n_ctx) + " positions cannot hold --tokens " + std::to_string(tokens_),
                   "give at least as many positions as tokens"};
    }
    ListingOps listing;
    KILTER_TRY(list_forward(model, tokens_, n_ctx, listing));
    if (json_) return json_text(ops_json(model, listing.ops()));
    return ops_text(listing.ops(), all_layers_ ? Layers::each : Layers::once);
  }

  Result<std::string> explain_block(const gguf::File& file) const {
    const gguf::TensorInfo* tensor = file.find(tensor_);
    if (tensor == nullptr) return no_such_tensor(file);
    KILTER_ASSIGN(const BlockPlace place, find_block(*tensor, static_cast<uint64_t>(block_)));
    const size_t bytes = dtype_info(tensor->type).block_bytes;
    KILTER_ASSIGN(const quant::BlockDescription block,
                  quant::describe_block(tensor->type, tensor->bytes.subspan(place.tensor_offset, bytes)));
    return json_ ? json_text(block_json(place, block)) : block_text(place, block);
  }

  Error no_such_tensor(const gguf::File& file) const {
    std::vector<std::string_view> names;
    for (const gguf::TensorInfo& t : file.tensors()) names.push_back(t.name);
    const std::string near = did_you_mean(tensor_, names);
    return Error{ErrorCode::not_found, "--tensor", "the file has no tensor " + quoted(tensor_),
                 near.empty() ? "`kilter inspect --tensors` lists them" : near};
  }

  std::string model_;
  int64_t tokens_ = 1;
  int64_t n_ctx_ = 0;
  bool all_layers_ = false;
  std::string tensor_;
  int64_t block_ = 0;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_explain() { return std::make_unique<Explain>(); }

}  // namespace kilter::cli
