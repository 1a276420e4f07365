"""Asks llama.cpp's quantiser which type each tensor of three small models gets, for every file type.

Usage: python make_file_types.py > file_types.txt
"""

import ctypes
import re
import tempfile

import gguf
import llama_cpp
import numpy as np

N_LAYER = 17
ROLES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]

# name: (n_embd, n_ff, n_head, n_head_kv, tied)
MODELS = {
    "plain": (256, 512, 4, 4, False),
    "grouped": (256, 768, 4, 1, True),
    "odd": (288, 736, 4, 1, False),
    "odd_tied": (288, 736, 4, 4, True),
}

FILE_TYPES = {
    "f32": 0, "f16": 1, "bf16": 32, "q4_0": 2, "q4_1": 3, "q5_0": 8, "q5_1": 9, "q8_0": 7,
    "q2_k": 10, "q2_k_s": 21, "q3_k_s": 11, "q3_k_m": 12, "q3_k_l": 13, "q4_k_s": 14, "q4_k_m": 15,
    "q5_k_s": 16, "q5_k_m": 17, "q6_k": 18, "iq1_s": 24, "iq1_m": 31, "iq2_xxs": 19, "iq2_xs": 20,
    "iq2_s": 28, "iq2_m": 29, "iq3_xxs": 23, "iq3_xs": 22, "iq3_s": 26, "iq3_m": 27, "iq4_nl": 25,
    "iq4_xs": 30, "tq1_0": 36, "tq2_0": 37, "q2_0": 41, "q1_0": 40,
}


class Params(ctypes.Structure):
    """llama_model_quantize_params of llama.h"""

    _fields_ = [
        ("nthread", ctypes.c_int32),
        ("ftype", ctypes.c_int),
        ("output_tensor_type", ctypes.c_int),
        ("token_embedding_type", ctypes.c_int),
        ("allow_requantize", ctypes.c_bool),
        ("quantize_output_tensor", ctypes.c_bool),
        ("only_copy", ctypes.c_bool),
        ("pure", ctypes.c_bool),
        ("keep_split", ctypes.c_bool),
        ("dry_run", ctypes.c_bool),
        ("imatrix", ctypes.c_void_p),
        ("kv_overrides", ctypes.c_void_p),
        ("tt_overrides", ctypes.c_void_p),
        ("prune_layers", ctypes.c_void_p),
        ("max_buf_size", ctypes.c_size_t),
    ]


library = llama_cpp.llama_cpp._lib
library.llama_model_quantize_default_params.restype = Params
library.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]

log = []


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def keep_log(_level, text, _user):
    log.append(text.decode())


def write_model(path, n_embd, n_ff, n_head, n_head_kv, tied):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(N_LAYER)
    writer.add_context_length(128)
    writer.add_embedding_length(n_embd)
    writer.add_feed_forward_length(n_ff)
    writer.add_head_count(n_head)
    writer.add_head_count_kv(n_head_kv)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(64)
    n_kv = n_embd // n_head * n_head_kv
    shapes = {"attn_q": (n_embd, n_embd), "attn_k": (n_kv, n_embd), "attn_v": (n_kv, n_embd),
              "attn_output": (n_embd, n_embd), "ffn_gate": (n_ff, n_embd), "ffn_up": (n_ff, n_embd),
              "ffn_down": (n_embd, n_ff)}
    for layer in range(N_LAYER):
        for role, shape in shapes.items():
            writer.add_tensor(f"blk.{layer}.{role}.weight", np.zeros(shape, np.float32))
    writer.add_tensor("token_embd.weight", np.zeros((64, n_embd), np.float32))
    if not tied:
        writer.add_tensor("output.weight", np.zeros((64, n_embd), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def types_of(path, number):
    params = library.llama_model_quantize_default_params()
    params.ftype = number
    params.dry_run = True
    log.clear()
    if library.llama_model_quantize(path.encode(), b"", ctypes.byref(params)) != 0:
        return None
    text = "".join(log)
    found = {}
    for name, old, rest in re.findall(r"\] +(\S+\.weight) +- .*?type = +(\w+), (.*)", text):
        new = re.search(r"\((\w+)\)", rest)
        found[name] = (new.group(1) if new else old).upper()
    return found


def run_lengths(types):
    runs = []
    for t in types:
        if runs and runs[-1][0] == t:
            runs[-1][1] += 1
        else:
            runs.append([t, 1])
    return " ".join(f"{t}*{n}" for t, n in runs)


def main():
    callback = keep_log
    library.llama_log_set(callback, None)
    print("# model file_type role types, layer by layer; see README.md")
    with tempfile.TemporaryDirectory() as folder:
        for model, measures in MODELS.items():
            path = f"{folder}/{model}.gguf"
            write_model(path, *measures)
            for name, number in FILE_TYPES.items():
                types = types_of(path, number)
                if types is None:
                    continue
                for role in ROLES:
                    each = [types[f"blk.{layer}.{role}.weight"] for layer in range(N_LAYER)]
                    print(model, name, role, run_lengths(each))
                for role in ["token_embd", "output"]:
                    if f"{role}.weight" in types:
                        print(model, name, role, run_lengths([types[f"{role}.weight"]]))


main()
