"""Every knob of a run, with one line of help each; `presets.py` holds sets of them."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

import cattrs
from tyro.conf import Positional

from simcore.common.checks import require, require_positive
from simcore.common.errors import UserError
from simcore.probes.config import ProbesConfig
from simcore.worlds import LEVELS, RandomCityConfig, WorldConfig
from simcore.worlds.api import MAP
from simcore.worlds.gym import GymConfig, is_gym_id


@dataclass(frozen=True)
class AgentConfig:
    """Encoder and belief core."""

    hidden_size: int = 512
    """N_h, LSTM units of belief and simulation core (table 2: 512 to 1024)."""
    embedding_size: int = 256
    """Size of the frame embedding e_t."""
    encoder_channels: tuple[int, ...] = (16, 32, 32)
    """Channels of the residual encoder's stages, each of which halves the frame."""

    def __post_init__(self) -> None:
        require_positive("agent", self, "hidden_size", "embedding_size", "encoder_channels")


@dataclass(frozen=True)
class SlotsConfig:
    """The slot memory, where --core is slots (App. B, table 3)."""

    memory_size: int = 1350
    """K, slots; past so many writes the oldest is overwritten."""
    word_size: int = 200
    """D, width of a slot."""
    reads: int = 3
    """n_r, reads a step."""
    top_k: int = 50
    """n_k, slots that a read looks at."""

    def __post_init__(self) -> None:
        require_positive("slots", self, "memory_size", "word_size", "reads", "top_k")


@dataclass(frozen=True)
class KanervaConfig:
    """The Kanerva memory, where --core is kanerva (App. C, table 4)."""

    memory_size: int = 32
    """K, rows of the memory."""
    word_size: int = 512
    """D, width of a row."""
    noise_variance: float = 1.0
    """σ², the words' variance given memory and address, at first; it is learned."""
    read_hidden: int = 0
    """Hidden units of the net that makes the read word; 0: linear, as in figure 8. Table 4: 400."""
    write_hidden: int = 400
    """Hidden units of the net that makes the write word, as in figure 8; 0: linear, as in table 4."""

    def __post_init__(self) -> None:
        require_positive("kanerva", self, "memory_size", "word_size", "noise_variance")
        for name in ("read_hidden", "write_hidden"):
            require(getattr(self, name) >= 0, f"kanerva.{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True)
class SimulationConfig:
    """Overshoot: which frames are predicted, from where."""

    overshoot: int = 12
    """Lo, steps of a roll-out of the simulation core (table 2: 1, 2, 3, 6, 12)."""
    starts: int = 6
    """Nt, roll-outs a trajectory (table 2)."""
    frames: int = 2
    """Ng, frames modelled of each roll-out (table 2); where the overshoot is shorter, all of them."""
    earliest_start: int = 0
    """Steps of a trajectory before the first from which a roll-out may start; App. K: 0. By later ones more has been
    seen and left, and so must be remembered. It gives way where fewer than simulation.starts are as late."""
    mask_episode_ends: bool = True
    """Predict only up to the end of the start's episode; the paper's pseudo-code does not mask."""
    cost: float = 1.0
    """Weight of the model's loss, in nats a frame, beside those of policy and value. The contrastive model's is none of
    that kind, and has contrastive.cost."""

    def __post_init__(self) -> None:
        require_positive("simulation", self, "overshoot", "starts", "frames", "cost")
        require(self.earliest_start >= 0, f"simulation.earliest_start must be 0 or more, not {self.earliest_start}")


@dataclass(frozen=True)
class ConvDRAWConfig:
    """The generative model of frames (App. A)."""

    steps: int = 8
    """Ns, ConvDRAW steps (table 2)."""
    latent_channels: int = 16
    """Channels of each step's latent z."""
    state_channels: int = 64
    """Channels of encoder, prior and decoder states."""
    encoder_channels: tuple[int, ...] = (16, 16)
    """Channels of the layers between frame and encoder state."""
    decoder_channels: tuple[int, ...] = (32, 32)
    """Channels of the layers between decoder state and canvas."""
    kernel_size: int = 5
    """Width of the kernels that keep the size (App. A: 5)."""

    def __post_init__(self) -> None:
        positive = (
            "steps",
            "latent_channels",
            "state_channels",
            "encoder_channels",
            "decoder_channels",
            "kernel_size",
        )
        require_positive("convdraw", self, *positive)
        require(self.kernel_size % 2 == 1, f"convdraw.kernel_size must be odd, not {self.kernel_size}")
        require(
            len(self.encoder_channels) == len(self.decoder_channels),
            f"convdraw.encoder_channels and decoder_channels must be as many, not {len(self.encoder_channels)} "
            f"and {len(self.decoder_channels)}",
        )

    @property
    def frame_multiple(self) -> int:
        """The number that the frame's size must be a multiple of."""
        return 2 ** (len(self.encoder_channels) + 1)


@dataclass(frozen=True)
class DeterministicConfig:
    """The frame decoded from the simulated state, where --frame-model is deterministic."""

    channels: int = 64
    """Channels of the decoder."""
    weight: float = 5.0
    """Weight of the squared error, 1 / (2 σ²) of a Gaussian, which simulation.cost multiplies as all of the loss. In
    tiny Food 5 gives the belief gradients as large as those of policy and value, 20 four and 100 twenty times as large;
    the error that is reached, 0.03, would have 16. Where no policy is learned, Adam makes any weight the same."""

    def __post_init__(self) -> None:
        require_positive("deterministic", self, "channels", "weight")


@dataclass(frozen=True)
class ContrastiveConfig:
    """The frame told from others, where --frame-model is contrastive (CPC|Action)."""

    negatives: int = 16
    """Frames that each simulated state is shown beside the right one: half of them of other times of the same
    trajectory, as far as there are so many, the rest of other trajectories."""
    embedding_size: int = 128
    """Size of the frames' embedding."""
    hidden_size: int = 256
    """Hidden units of the net that scores."""
    cost: float = 1.0
    """Weight of its loss beside those of policy and value: nats of a choice between two, not of a frame."""

    def __post_init__(self) -> None:
        require_positive("contrastive", self, "negatives", "embedding_size", "hidden_size", "cost")


@dataclass(frozen=True)
class GECOConfig:
    """The constraint on the reconstruction error (App. G)."""

    kappa: float = 1e-3
    """κ, squared error per image dimension to reach (figure 9: about 1e-3 is best for maps)."""
    rate: float = 0.01
    """Largest change of log λ an update."""
    decay: float = 0.99
    """Decay of the constraint's moving average."""
    initial: float | None = None
    """λ at the start; none: 1 / (16 κ), near where it comes to rest, since frames are smooth."""

    def __post_init__(self) -> None:
        require_positive("geco", self, "kappa", "rate")
        require(0 <= self.decay < 1, f"geco.decay must be in [0, 1), not {self.decay}")
        require(
            self.initial is None or 0 < self.initial <= 1000,
            f"geco.initial must be more than 0 and at most 1000, not {self.initial}",
        )


@dataclass(frozen=True)
class ReinforcementConfig:
    """Policy and value, where the agent itself acts (App. D)."""

    discount: float = 0.99
    """γ."""
    baseline_cost: float = 0.5
    """Weight of the value's loss."""
    entropy_cost: float = 3e-3
    """c, weight of the policy's entropy (table 2: 5e-4 to 3e-2)."""
    rho_bar: float = 1.0
    """V-trace's ρ̄."""
    c_bar: float = 1.0
    """V-trace's c̄."""
    reward_scale: float = 1.0
    """What rewards are multiplied by before the agent sees them or learns from them."""

    def __post_init__(self) -> None:
        require(0 <= self.discount <= 1, f"reinforcement.discount must be in [0, 1], not {self.discount}")
        require_positive("reinforcement", self, "rho_bar", "c_bar", "reward_scale")
        require(
            self.c_bar <= self.rho_bar,
            f"reinforcement.c_bar is {self.c_bar}; it must not be above rho_bar, {self.rho_bar}",
        )
        for name in ("baseline_cost", "entropy_cost"):
            value = getattr(self, name)
            require(value >= 0, f"reinforcement.{name} must be 0 or more, not {value}")


@dataclass(frozen=True)
class ActingConfig:
    """Who makes the trajectories."""

    actors: int = 1
    """N, actors; each has worlds, and unless serial weights, of its own."""
    worlds: int = 0
    """Worlds of each actor; 0: learning.worlds, so that one trajectory is a batch."""
    queue: int = 2
    """Trajectories that may wait for the learner (threads, processes), or that each actor may owe it (ray)."""
    replacements: int = 100
    """Actors that may die and be replaced before the run gives up (ray)."""
    stagger: bool = True
    """Where the agent acts in our levels: begin the first episodes part way to their time limit, each elsewhere, so
    that worlds do not all end at once and a batch holds every stage of an episode."""

    def __post_init__(self) -> None:
        require_positive("acting", self, "actors", "queue")
        for name in ("worlds", "replacements"):
            require(getattr(self, name) >= 0, f"acting.{name} must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True)
class LearningConfig:
    """Batch, optimiser and length of the run."""

    updates: int = 100_000
    """Updates of the weights in the whole run."""
    worlds: int = 16
    """B, worlds side by side."""
    unroll_length: int = 100
    """Lu, steps of each trajectory (table 2: 24 to 100)."""
    learning_rate: float = 1e-4
    """Adam's learning rate for agent and simulation (table 2: 1e-4 to 2e-4)."""
    belief_warmup: int = 0
    """Updates over which the learning rate of encoder and cores rises to its full value, so that the frame model first
    learns what frames have in common; with a high rate the belief saturates on that and stays blind."""
    probe_learning_rate: float = 1e-3
    """Adam's learning rate for the probes."""
    probe_times: int | None = None
    """Times of each trajectory, drawn anew for each, at which the probes are trained and scored; none: all of them,
    0: there are no probes."""
    beta1: float = 0.9
    """Adam's first moment (table 2: 0 to 0.95)."""
    beta2: float = 0.999
    """Adam's second moment (table 2: 0.99 to 0.999)."""
    gradient_clip: float = 500_000.0
    """Largest norm of the gradient of agent and simulation, for outliers alone. That of nats a frame grows with frames
    and λ: the paper's frames give some 250,000. Where policy and value are learned beside it: 40."""

    def __post_init__(self) -> None:
        positive = (
            "updates",
            "worlds",
            "unroll_length",
            "learning_rate",
            "probe_learning_rate",
            "gradient_clip",
        )
        require_positive("learning", self, *positive)
        for name in ("belief_warmup", "probe_times"):
            value = getattr(self, name)
            require(value is None or value >= 0, f"learning.{name} must be 0 or more, not {value}")
        for name, beta in (("beta1", self.beta1), ("beta2", self.beta2)):
            require(0 <= beta < 1, f"learning.{name} must be in [0, 1), not {beta}")

    @property
    def frames_per_update(self) -> int:
        """Frames that the agent sees in one update."""
        return self.worlds * self.unroll_length


@dataclass(frozen=True)
class RecordConfig:
    """What is written down, and how often."""

    metrics_every: int = 50
    """Updates between two lines of metrics, each the mean over them."""
    checkpoint_every: int = 500
    """Updates between two checkpoints."""
    checkpoints: int = 3
    """How many of the newest checkpoints are kept."""

    def __post_init__(self) -> None:
        require_positive("record", self, "metrics_every", "checkpoint_every", "checkpoints")


@dataclass(frozen=True)
class Config:
    """A run.

    Raises:
        UserError: a value is out of its range, or two do not fit together; the message says what is allowed.
    """

    level: Positional[str] = "RandomCity"
    """The world: a level of SimCore's, or the id of any Gymnasium environment with an image and discrete actions."""
    core: Literal["lstm", "slots", "kanerva"] = "lstm"
    """The memory of belief and simulation core: none, slots (RMA) or a Kanerva machine (App. B)."""
    frame_model: Literal["convdraw", "deterministic", "contrastive", "none"] = "convdraw"
    """What foresees the frames: the generative ConvDRAW, or what it is compared with: a deterministic decoder, a
    contrastive score (CPC|Action), or none, the model-free IMPALA agent."""
    supervised: bool = False
    """Train the belief by the true map, position and heading, and by nothing else: the oracle that `simcore probe
    --oracle` puts beside a belief that was never told them. There is no frame model then."""
    policy: Literal["walker", "agent"] = "walker"
    """Who acts: the hand-made walker of Random City, or the agent, which then learns by reward (App. D)."""
    executor: Literal["serial", "threads", "processes", "ray"] = "serial"
    """Where actors run: in turn with the learner (reproducible), on threads beside it, in processes of this machine, or
    on a Ray cluster."""
    ray_address: str | None = None
    """The Ray cluster to join, as in ray.init; none: one on this machine."""
    preset: str = "paper"
    """What the other values start from: tiny, small or paper."""
    seed: int = 0
    """Seeds weights, worlds and everything drawn."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU where there is one."""
    threads: int = 0
    """Threads of PyTorch on the CPU; 0: as many as it likes. Resuming bit for bit wants the same number."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """What the nets multiply in: float32; float32 rounded to TF32 inside of products, on GPUs that have it; or bfloat16
    for encoder, LSTM and frame model, with float32 weights, losses and memories, and TF32 for the rest."""
    compile: bool = False
    """Let torch.compile make kernels of encoder, frame model and probes, which takes minutes at the start."""
    graph: bool = False
    """Record the update as a CUDA graph and replay it, so that a GPU need not wait for Python; --core lstm alone."""
    world: WorldConfig = field(default_factory=RandomCityConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    slots: SlotsConfig = field(default_factory=SlotsConfig)
    kanerva: KanervaConfig = field(default_factory=KanervaConfig)
    simulation: SimulationConfig = field(default_factory=SimulationConfig)
    convdraw: ConvDRAWConfig = field(default_factory=ConvDRAWConfig)
    geco: GECOConfig = field(default_factory=GECOConfig)
    deterministic: DeterministicConfig = field(default_factory=DeterministicConfig)
    contrastive: ContrastiveConfig = field(default_factory=ContrastiveConfig)
    reinforcement: ReinforcementConfig = field(default_factory=ReinforcementConfig)
    acting: ActingConfig = field(default_factory=ActingConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    probes: ProbesConfig = field(default_factory=ProbesConfig)
    record: RecordConfig = field(default_factory=RecordConfig)

    def __post_init__(self) -> None:
        require(self.threads >= 0, f"threads must be 0 or more, not {self.threads}")
        require(0 <= self.seed < 2**31, f"seed must be from 0 to 2147483647, not {self.seed}")
        require(
            not self.graph or self.core == "lstm",
            f"--graph records an update with --core lstm alone, not {self.core}: a memory's is done by what is in it",
        )
        unroll, simulation = self.learning.unroll_length, self.simulation
        overshoot, starts = simulation.overshoot, simulation.starts
        require(
            overshoot < unroll,
            f"simulation.overshoot is {overshoot}; it must be shorter than learning.unroll_length, {unroll}",
        )
        require(
            starts <= unroll - overshoot,
            f"simulation.starts is {starts}; an unroll of {unroll} with an overshoot of {overshoot} has "
            f"{unroll - overshoot}",
        )
        require(
            self.policy == "agent" or self.level == "RandomCity",
            f"the walker walks in RandomCity alone; in {self.level} the policy is agent",
        )
        require(
            self.policy == "agent" or self.frame_model != "none" or self.supervised,
            "with --policy walker and --frame-model none there is nothing to learn from; allowed is one of them",
        )
        require(
            self.learning.worlds % self.worlds_per_actor == 0,
            f"learning.worlds is {self.learning.worlds}; it must be a multiple of acting.worlds, "
            f"{self.worlds_per_actor}",
        )
        require(
            self.policy == "agent" or self.trajectories_per_update == 1,
            "with --policy walker a batch is one trajectory; leave acting.worlds at 0",
        )
        for wanted, flag in ((self.supervised, "--supervised"), (self.probes.map_convdraw, "--probes.map-convdraw")):
            require(
                self.has_probes or not wanted,
                f"{flag} wants probes: a world that tells what they are to read, which {self.level} does with "
                "world.targets alone if it is Gymnasium's, and learning.probe_times above 0",
            )
        require(
            self.has_map or not self.probes.map_convdraw,
            f"--probes.map-convdraw wants a square map; in {self.level} no target is named map and such a picture",
        )
        multiple = self.convdraw.frame_multiple
        require(
            self.frame_model != "convdraw" or self.world.frame_size % multiple == 0,
            f"world.frame_size is {self.world.frame_size}; with {len(self.convdraw.encoder_channels)} "
            f"convdraw.encoder_channels it must be a multiple of {multiple}",
        )
        require(
            self.frame_model != "contrastive"
            or starts * min(self.simulation.frames, overshoot) * self.learning.worlds > 1,
            "--frame-model contrastive tells a batch's frames apart, and this batch has one; "
            "let simulation.starts, learning.worlds or both simulation.frames and overshoot be 2 or more",
        )

    @property
    def worlds_per_actor(self) -> int:
        """Worlds that one actor steps side by side."""
        return self.acting.worlds or self.learning.worlds

    @property
    def trajectories_per_update(self) -> int:
        """Trajectories that make a batch."""
        return self.learning.worlds // self.worlds_per_actor

    @property
    def run_name(self) -> str:
        """What the run's folder is called where the user names none."""
        unusual: list[str] = [] if self.core == "lstm" else [self.core]
        if self.supervised:
            unusual.append("supervised")
        elif self.frame_model != "convdraw":
            unusual.append(f"model-{self.frame_model}")
        return "-".join([file_name(self.level), self.preset, *unusual, str(self.seed)])

    @property
    def has_frame_model(self) -> bool:
        """Whether frames are predicted: the model-free agent does not, nor does the supervised oracle."""
        return self.frame_model != "none" and not self.supervised

    @property
    def draws_frames(self) -> bool:
        """Whether there is a frame model that can be asked for frames: a contrastive one only tells them apart."""
        return self.has_frame_model and self.frame_model != "contrastive"

    @property
    def model_cost(self) -> float:
        """Weight of the model's loss beside those of policy and value."""
        return self.contrastive.cost if self.frame_model == "contrastive" else self.simulation.cost

    @property
    def has_probes(self) -> bool:
        """Whether there is something to probe the belief for: the world tells something, and probes are wanted."""
        return bool(self.world.probe_targets) and self.learning.probe_times != 0

    @property
    def has_map(self) -> bool:
        """Whether the world tells a square map from above, as our levels do."""
        shapes = [target.shape for target in self.world.probe_targets if target.name == MAP]
        return any(len(shape) == 3 and shape[0] == shape[1] for shape in shapes)

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as nested dicts, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make a configuration of what `to_dict` returned, or JSON made of it.

        Raises:
            UserError: a field is unknown, missing or of a wrong type or value.
        """
        try:
            level = find_world_config(str(values.get("level")))
            converter = cattrs.Converter(forbid_extra_keys=True)
            # By identity, since a hook for a class also serves its subclasses.
            converter.register_structure_hook_func(
                lambda kind: kind is WorldConfig, lambda value, _: converter.structure(value, level)
            )
            return converter.structure(values, cls)
        except cattrs.BaseValidationError as error:
            reasons = "; ".join(cattrs.transform_error(error, path="config"))
            raise UserError(f"the configuration does not fit this version of SimCore: {reasons}") from error


def file_name(level: str) -> str:
    """Return the name of a world as a file's can hold it."""
    return level.replace("/", "-").replace(":", "-")


def find_world_config(level: str) -> type[WorldConfig]:
    """Return the class of a world's arguments.

    Raises:
        UserError: there is no such level, and it is no id of Gymnasium's.
    """
    if is_gym_id(level):
        return GymConfig
    known = ", ".join(LEVELS)
    require(level in LEVELS, f"there is no level {level!r}; there are: {known}, and any Gymnasium id such as Name-v0")
    return LEVELS[level].config
