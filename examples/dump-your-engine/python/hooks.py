"""Records every module of a Hugging Face model: kilter knows the module paths, and q and k in their order.

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    recorded = record(model)
    model(input_ids=torch.tensor([ids]))
    save(recorded, ids, "hf.safetensors")
"""


def record(model):
    """Module path -> what it returned in the last call."""
    recorded = {}
    for name, module in model.named_modules():
        def keep(_module, _args, out, name=name):
            out = out[0] if isinstance(out, tuple) else out
            if hasattr(out, "detach"):
                recorded[name] = out.detach().clone().contiguous()
        if name:
            module.register_forward_hook(keep)
    return recorded


def save(recorded, ids, path):
    from safetensors.torch import save_file

    save_file(recorded, path, {"token_ids": ",".join(map(str, ids)), "producer": "hooks.py"})
