#include "kilter/engine.h"

#include <mutex>

#include "engine/backend_choice.h"
#include "engine/generate.h"
#include "engine/loaded_model.h"
#include "engine/sequence.h"

namespace kilter {
namespace {

// What the engine shares with its sessions: one backend, which computes for one of them at a time.
struct Shared {
  LoadedModel loaded;
  std::unique_ptr<Ops> ops;
  std::mutex turn;
};

class SessionOverSequence final : public Session {
 public:
  SessionOverSequence(Shared& shared, Sequence sequence) : shared_(shared), sequence_(std::move(sequence)) {}

  Status feed(std::span<const int32_t> ids) override {
    const std::lock_guard turn(shared_.turn);
    return sequence_.feed(ids, {});
  }
  std::span<const float> logits() const override { return sequence_.logits(); }
  const std::vector<int32_t>& tokens() const override { return sequence_.tokens(); }

  Status rewind(int64_t length) override {
    if (length < 0) {
      return Error{ErrorCode::usage, "rewind", "a length below 0 does not exist", "give 0 or more"};
    }
    sequence_.rewind(length);
    return {};
  }

  Result<Generation> generate(std::span<const int32_t> prompt, const GenerateOptions& options,
                              const std::function<Go(const TokenEvent&)>& on_token) override {
    const std::lock_guard turn(shared_.turn);
    return kilter::generate(sequence_, shared_.loaded.tokenizer, prompt, options, on_token);
  }

 private:
  Shared& shared_;
  Sequence sequence_;
};

class EngineOverModel final : public Engine {
 public:
  explicit EngineOverModel(std::unique_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Result<std::unique_ptr<Session>> open_session(const SessionOptions& options) override {
    const std::lock_guard turn(shared_->turn);
    KILTER_ASSIGN(Sequence sequence, Sequence::create(shared_->loaded.model, *shared_->ops, options));
    return std::unique_ptr<Session>(std::make_unique<SessionOverSequence>(*shared_, std::move(sequence)));
  }

  std::vector<int32_t> tokenize(std::string_view text, Specials specials) const override {
    text::EncodeOptions options;
    options.special =
        specials == Specials::recognise ? text::SpecialTokens::recognise : text::SpecialTokens::as_text;
    return shared_->loaded.tokenizer->encode(text, options);
  }
  std::string detokenize(const std::vector<int32_t>& ids) const override {
    return shared_->loaded.tokenizer->decode(ids);
  }

  Result<std::string> piece(int32_t id) const override {
    KILTER_TRY(check_ids(shared_->loaded.model, {&id, 1}));
    const text::Tokenizer& tokenizer = *shared_->loaded.tokenizer;
    return id < tokenizer.size() ? tokenizer.piece(id)
                                 : std::string();  // rows may be padded past the vocabulary
  }

  int64_t n_vocab() const override { return shared_->loaded.model.n_vocab(); }
  int64_t n_ctx_train() const override { return shared_->loaded.model.config.n_ctx_train; }
  std::string architecture() const override {
    return std::string(shared_->loaded.model.config.architecture->name);
  }

 private:
  std::unique_ptr<Shared> shared_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::load(const std::string& path, const LoadOptions& options) {
  auto shared = std::make_unique<Shared>();
  KILTER_ASSIGN(shared->ops, make_backend(options));
  KILTER_ASSIGN(shared->loaded, load_model_and_tokenizer(path, [&](const Model& model) {
                  return prepare_backend(*shared->ops, model, options);
                }));
  return std::unique_ptr<Engine>(std::make_unique<EngineOverModel>(std::move(shared)));
}

}  // namespace kilter
