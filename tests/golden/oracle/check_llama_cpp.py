#!/usr/bin/env python3
"""Holds the oracle against llama.cpp. See ../README.md.

    check_llama_cpp.py MODELS_FOLDER [SMOLLM2.gguf]

CPU, f32 cache, no flash attention, one thread, one batch. llama.cpp rounds the activations of a product with F16, BF16
and quantised weights to f16, bf16 or 8 bits, so each model is run as a copy whose weights are decoded to F32.
"""

import ctypes
import pathlib
import sys
import tempfile

import llama_cpp
import numpy as np
from gguf import GGUFReader, GGUFWriter

from forward_f64 import Model, forward

TOLERANCE = 1e-5  # of the largest logit


def f32_copy(m, path, folder):
    """The model with its weights decoded."""
    copy = pathlib.Path(folder) / path.name
    writer = GGUFWriter(copy, m.arch)
    for field in GGUFReader(path).fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            kinds = field.types + [None]
            writer.add_key_value(field.name, field.contents(), kinds[0], sub_type=kinds[1])
    for name, weight in m.weights.items():
        writer.add_tensor(name, weight.astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return copy


def logits_of(path, ids):
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), params)
    if not model:
        return None
    options = llama_cpp.llama_context_default_params()
    options.n_ctx = options.n_batch = options.n_ubatch = 1024
    options.n_threads = options.n_threads_batch = 1
    options.type_k = options.type_v = llama_cpp.GGML_TYPE_F32
    options.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = llama_cpp.llama_init_from_model(model, options)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i], batch.n_seq_id[i], batch.logits[i] = token, i, 1, 1
        batch.seq_id[i][0] = 0
    assert llama_cpp.llama_decode(context, batch) == 0
    n_vocab = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(model))
    rows = [np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(context, i), (n_vocab,)).copy() for i in range(len(ids))]
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(model)
    return np.array(rows)


def judge(name, path, ids, expected):
    with tempfile.TemporaryDirectory() as folder:
        found = logits_of(f32_copy(Model(path), path, folder), ids)
    if found is None:
        print(f"{name:14} llama.cpp refuses this model")
        return True
    largest = np.abs(found - expected).max()
    share = largest / np.abs(expected).max()
    print(f"{name:14} largest difference {largest:.1e}, {share:.1e} of the largest logit")
    return share < TOLERANCE


def main():
    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p())
    print("llama-cpp-python", llama_cpp.__version__)
    folder = pathlib.Path(sys.argv[1])
    good = True
    for line in open(folder / "cases.txt"):
        name, _, *ids = line.split()
        ids = [int(i) for i in ids]
        expected = np.fromfile(folder / f"{name}.logits", "<f4").reshape(len(ids), -1)
        good &= judge(name, folder / f"{name}.gguf", ids, expected)
    if len(sys.argv) > 2:
        path = pathlib.Path(sys.argv[2])
        ids = [1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365]
        good &= judge("smollm2", path, ids, forward(Model(path), ids))
    assert good


main()
