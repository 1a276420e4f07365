"""What is measured: models, tests, and what kilter is meant to reach. Shared by measure.py and report.py."""

from typing import NamedTuple, Optional

MIB = 1 << 20

# Room for the deepest test (4096 tokens and what follows) and for memory's context.
MODEL_CONTEXT = 8192


class Model(NamedTuple):
    """A model to measure with. `shape` and `type` are kilter make-model's; a real model has neither."""
    name: str
    title: str
    shape: Optional[str] = None
    type: Optional[str] = None
    ram_mib: int = 0  # llama.cpp holds the file and a second, repacked copy of the weights


class Test(NamedTuple):
    """`tokens` in one pass (prefill) or one after another (decode), behind `depth` tokens of context."""
    kind: str
    tokens: int
    depth: int = 0

    @property
    def title(self) -> str:
        behind = f" at depth {self.depth}" if self.depth else ""
        return f"{self.kind} {self.tokens}{behind}"


class Job(NamedTuple):
    model: Model
    threads: int
    tests: tuple


class Lane(NamedTuple):
    """Instructions that both engines are held to: kilter's --isa (None: its choice), llama.cpp's build."""
    name: str
    title: str
    kilter_isa: Optional[str]
    llama_build: str


class Goal(NamedTuple):
    """`share_of` llama.cpp: a ratio of tokens a second; read: the share of the read bandwidth."""
    lanes: tuple
    model: str
    kind: str
    tokens: tuple
    engine: str
    share_of: str
    at_least: float


TINYLLAMA = "tinyllama-q4_k_m"
SMOLLM2 = "smollm2-135m-q4_1"
KILTER_FAST, KILTER_ACCURATE, LLAMA = "kilter fast", "kilter accurate", "llama.cpp"
ENGINES = (LLAMA, KILTER_ACCURATE, KILTER_FAST)

MODELS = (
    Model(TINYLLAMA, "TinyLlama shape, Q4_K_M", "tinyllama", "q4_k_m", 2000),
    Model("tinyllama-q4_0", "TinyLlama shape, Q4_0", "tinyllama", "q4_0", 2000),
    Model("tinyllama-q8_0", "TinyLlama shape, Q8_0", "tinyllama", "q8_0", 3000),
    Model("tinyllama-f16", "TinyLlama shape, F16", "tinyllama", "f16", 5000),
    Model("llama3-8b-q4_k_m", "Llama 3 8B shape, Q4_K_M", "llama3-8b", "q4_k_m", 13000),
    Model(SMOLLM2, "SmolLM2-135M-Instruct, Q4_1", ram_mib=500),
)
MODEL_OF = {model.name: model for model in MODELS}

PROMPT = Test("prefill", 512)
BATCH = Test("prefill", 16)
DECODE = Test("decode", 128)
SHORT_DECODE = Test("decode", 32)
DEEP_DECODE = Test("decode", 32, 4096)

FIRST_TOKEN_PROMPT = "The capital of France is"  # five tokens of SmolLM2
MEMORY_CONTEXT = 4096

BOTH_LANES = ("amx", "no-amx")
GOALS = (
    Goal(("amx",), TINYLLAMA, "prefill", (512,), KILTER_FAST, LLAMA, 5.5),
    Goal(("amx",), TINYLLAMA, "prefill", (512,), KILTER_ACCURATE, LLAMA, 3.0),
    Goal(("no-amx",), TINYLLAMA, "prefill", (512,), KILTER_FAST, LLAMA, 2.5),
    Goal(("no-amx",), TINYLLAMA, "prefill", (512,), KILTER_ACCURATE, LLAMA, 1.5),
    Goal(BOTH_LANES, TINYLLAMA, "prefill", (16,), KILTER_FAST, LLAMA, 3.0),
    Goal(BOTH_LANES, TINYLLAMA, "prefill", (16,), KILTER_ACCURATE, LLAMA, 3.0),
    Goal(BOTH_LANES, TINYLLAMA, "decode", (128, 32), KILTER_FAST, "read", 0.9),
    Goal(BOTH_LANES, TINYLLAMA, "decode", (128, 32), KILTER_ACCURATE, "read", 0.9),
    Goal(BOTH_LANES, SMOLLM2, "prefill", (512,), KILTER_ACCURATE, LLAMA, 3.0),
    Goal(BOTH_LANES, SMOLLM2, "decode", (128, 32), KILTER_ACCURATE, LLAMA, 1.3),
)
GOAL_THREADS = 2


def jobs(quick: bool) -> list:
    """Every round runs these once. The deep test fills its context first, so only one job has it."""
    if quick:
        tests = (PROMPT, BATCH, SHORT_DECODE)
        return [Job(MODEL_OF[name], GOAL_THREADS, tests) for name in (TINYLLAMA, SMOLLM2)]
    tests = (PROMPT, BATCH, DECODE)
    plan = []
    for model in MODELS:
        if model.name == "llama3-8b-q4_k_m":
            plan.append(Job(model, 2, (PROMPT, SHORT_DECODE)))
            continue
        plan.append(Job(model, 1, tests))
        plan.append(Job(model, 2, tests + ((DEEP_DECODE,) if model.name == TINYLLAMA else ())))
    return plan


def rounds(quick: bool) -> int:
    """Odd, so that a median is one of the measurements."""
    return 3 if quick else 5


def lanes(has_amx: bool) -> list:
    """Where there is no AMX, the compiler's native build already is the one without it."""
    if not has_amx:
        return [Lane("no-amx", "without AMX", None, "native")]
    return [Lane("amx", "with AMX", None, "native"), Lane("no-amx", "without AMX", "avx512", "no-amx")]
