// The smallest program of somebody else: generates a few tokens, or says why it cannot.
#include <cstdio>

#include "kilter/engine.h"

int main(int argc, char** argv) {
  const char* path = argc > 1 ? argv[1] : "no_such_model.gguf";
  const auto engine = kilter::Engine::load(path, {});
  if (!engine.ok()) {
    std::puts(engine.error().message().c_str());
    return 1;
  }
  std::printf("%s, %lld tokens in its vocabulary\n", (*engine)->architecture().c_str(),
              static_cast<long long>((*engine)->n_vocab()));
  return 0;
}
