"""Reads a vocabulary from a GGUF file, and builds the other engines' tokenizers from it."""

import ctypes

import gguf
import llama_cpp
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def read(path):
    """The tokenizer.ggml.* values by their short names."""
    reader = gguf.GGUFReader(path)
    prefix = "tokenizer.ggml."
    return {key[len(prefix):]: field.contents() for key, field in reader.fields.items() if key.startswith(prefix)}


_silence = llama_cpp.llama_log_callback(lambda *_: None)
llama_cpp.llama_log_set(_silence, None)


class LlamaCpp:
    """llama.cpp itself, asked through its C interface."""

    def __init__(self, path):
        params = llama_cpp.llama_model_default_params()
        params.vocab_only = True
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)

    def encode(self, data, add_special, parse_special):
        room = len(data) + 16
        ids = (llama_cpp.llama_token * room)()
        count = llama_cpp.llama_tokenize(self.vocab, data, len(data), ids, room, add_special, parse_special)
        return list(ids[:count])

    def ends(self):
        count = llama_cpp.llama_vocab_n_tokens(self.vocab)
        return [i for i in range(count) if llama_cpp.llama_vocab_is_eog(self.vocab, i)]


def sentencepiece_model(vocab):
    """SentencePiece over the same entries and scores."""
    model = proto.ModelProto()
    model.trainer_spec.model_type = proto.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.vocab_size = len(vocab["tokens"])
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = vocab.get("add_space_prefix", True)
    model.normalizer_spec.remove_extra_whitespaces = False
    for text, score, kind in zip(vocab["tokens"], vocab["scores"], vocab["token_type"]):
        piece = model.pieces.add()
        piece.piece, piece.score, piece.type = text, score, kind
    processor = sentencepiece.SentencePieceProcessor()
    processor.LoadFromSerializedProto(model.SerializeToString())
    return processor


def hugging_face(vocab, expressions):
    """Hugging Face tokenizers' byte-level BPE over the same entries and merges; no special tokens."""
    entries = {text: i for i, text in enumerate(vocab["tokens"])}
    merges = [tuple(line.split(" ", 1)) for line in vocab["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=entries, merges=merges))
    steps = [pre_tokenizers.Split(Regex(e), "isolated") for e in expressions]
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    return tokenizer
