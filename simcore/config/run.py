"""The configuration of a run, composed of the parts' configurations; field docstrings are the flags' help texts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import cattrs
from cattrs.errors import AttributeValidationNote, ForbiddenExtraKeysError

from simcore.acting.executor import ActingConfig
from simcore.agent import AgentConfig
from simcore.common.checks import Range, Seed, is_checked, require, shown, takes, wrong_value
from simcore.common.errors import UserError
from simcore.config.checks import check_whole, options_class
from simcore.config.earlier import upgrade_config
from simcore.config.options import Options, structure_options
from simcore.config.positional import Positional
from simcore.frame_models.base import frame_models
from simcore.frame_models.contrastive import ContrastiveConfig
from simcore.frame_models.convdraw import ConvDRAWConfig
from simcore.frame_models.deterministic import DeterministicConfig
from simcore.frame_models.geco import GECOConfig
from simcore.learning.config import LearningConfig
from simcore.memory.core import MemoryConfig
from simcore.memory.kanerva import KanervaConfig
from simcore.memory.slots import SlotsConfig
from simcore.objectives.actor_critic import ReinforcementConfig
from simcore.probes.config import ProbesConfig
from simcore.runs.record import RecordConfig
from simcore.simulation import SimulationConfig
from simcore.worlds import RandomCityConfig, WorldConfig
from simcore.worlds.api import MAP
from simcore.worlds.gym import GymConfig, is_gym_id
from simcore.worlds.voxel.levels import LEVELS
from simcore.worlds.voxel.levels.base import LevelConfig, levels


@dataclass(frozen=True)
class Config:
    """The configuration of a run.

    Fields that are not given have the parts' own defaults; `simcore.preset(name, level)` gives the values of a preset.

    Raises:
        UserError: a value is out of its range, or two do not fit together; the message says what is allowed.
    """

    level: Positional[str] = "RandomCity"
    """The world: a level of SimCore, the id of any Gymnasium environment with an image and discrete actions, or a level
    of your own, as module:NAME."""
    core: str = "lstm"
    """The memory of belief and simulation core: lstm (no memory), slots (RMA), kanerva (a Kanerva machine, App. B), or
    one of your own, as module:Name."""
    frame_model: str = "convdraw"
    """The model that predicts frames: convdraw (generative), or a baseline: deterministic (a decoder), contrastive
    (CPC|Action), or none (the model-free IMPALA agent); or one of your own, as module:Name."""
    objectives: tuple[str, ...] = ()
    """Objectives of your own, as module:Name, in addition to those of policy, frame model and probes."""
    options: tuple[str, ...] = ()
    """Options of parts of your own, such as frame_model.width=32, core.size=4 or an objective's name.weight=0.5."""
    supervised: bool = False
    """Train the belief only by the true map, position and heading, without a frame model: the oracle with which
    `simcore probe --oracle` compares a belief that was trained without them."""
    policy: Literal["walker", "agent"] = "walker"
    """The policy: the hand-written walker of Random City, or the agent, which then learns from reward (App. D)."""
    executor: Literal["serial", "threads", "processes", "ray"] = "serial"
    """Where actors run: in turn with the learner (reproducible), in threads beside it, in processes on this machine, or
    on a Ray cluster."""
    ray_address: str | None = None
    """The Ray cluster to join, as in ray.init; none: one on this machine."""
    preset: str = "paper"
    """The defaults of all other values: tiny, small, paper, or a TOML file of your own."""
    seed: Seed = 0
    """Seeds weights, worlds and all sampling."""
    device: str = "auto"
    """cpu, cuda, cuda:1, ...; auto takes a GPU if there is one."""
    threads: Annotated[int, Range(0, 1024)] = 0
    """Threads of PyTorch on the CPU; 0: OMP_NUM_THREADS, or else PyTorch's choice, shared with concurrent runs of a
    sweep, actors and processes of worlds. Bit-exact resuming requires the same number."""
    precision: Literal["fp32", "tf32", "bf16"] = "fp32"
    """Precision of the nets' products: float32; float32 rounded to TF32 inside products, on GPUs that have it; or
    bfloat16 for encoder and frame model, with float32 weights, losses and cores, and TF32 for the rest."""
    compile: bool = False
    """Compile encoder, frame model and probes by torch.compile, which takes minutes at the start."""
    graph: bool = False
    """Record the update as a CUDA graph and replay it, so that a GPU need not wait for Python; only --core lstm."""
    world: WorldConfig = field(default_factory=RandomCityConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    memory: MemoryConfig = field(default_factory=MemoryConfig)
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
        check_whole(self)

    @property
    def worlds_per_actor(self) -> int:
        """Worlds that one actor steps as a batch."""
        return self.acting.worlds or self.learning.worlds

    @property
    def trajectories_per_update(self) -> int:
        """Trajectories in a batch."""
        return self.learning.worlds // self.worlds_per_actor

    @property
    def run_name(self) -> str:
        """The default name of the run's folder."""
        unusual: list[str] = [] if self.core == "lstm" else [file_name(self.core)]
        if self.supervised:
            unusual.append("supervised")
        elif self.frame_model != "convdraw":
            unusual.append(f"model-{file_name(self.frame_model)}")
        return "-".join([file_name(self.level), Path(self.preset).stem, *unusual, str(self.seed)])

    @property
    def has_frame_model(self) -> bool:
        """Whether frames are predicted: not by the model-free agent, nor by the supervised oracle."""
        return self.frame_model != "none" and not self.supervised

    @property
    def draws_frames(self) -> bool:
        """Whether there is a frame model that can generate frames: a contrastive one cannot."""
        return self.has_frame_model and frame_models.find(self.frame_model).draws_frames

    @property
    def model_cost(self) -> float:
        """Weight of the frame model's loss relative to policy and value: its option `cost`, if it has one.

        A model whose loss is not in nats per frame has one, such as the contrastive model.
        """
        kind = options_class(frame_models.find(self.frame_model))
        return float(getattr(self.options_of("frame_model", self.frame_model, kind), "cost", self.simulation.cost))

    @property
    def measures_memory(self) -> bool:
        """Whether the steps since each cell was seen are recorded for the learner's `memory_share`.

        It follows each cell of the map over time, so the map's frame of reference must be fixed.
        """
        stays = isinstance(self.world, LevelConfig) and self.world.map_frame != "ego"
        return self.policy == "walker" and self.has_frame_model and stays

    @property
    def has_probes(self) -> bool:
        """Whether probes are trained: the world provides targets, and probes are wanted."""
        return bool(self.world.probe_targets) and self.learning.probe_times != 0

    @property
    def has_map(self) -> bool:
        """Whether the world provides a square map from above, as our levels do."""
        shapes = [target.shape for target in self.world.probe_targets if target.name == MAP]
        return any(len(shape) == 3 and shape[0] == shape[1] for shape in shapes)

    def options_of(self, part: str, name: str, kind: type[Options]) -> Options:
        """Return the options of a part: its section, or for a user's part those in `options`.

        Args:
            part: its name in `options`.
            name: of the part, and of its section if it has one.
            kind: the dataclass of its options.

        Raises:
            UserError: `options` has an unknown option or a wrong value.
        """
        section = getattr(self, name, None)
        return section if isinstance(section, kind) else structure_options(kind, part, self.options)

    def changed(self, **values: Any) -> Self:
        """Return the configuration with some values changed, a section's as a dict.

            >>> Config().changed(seed=3, learning={"updates": 10}).learning.updates
            10

        Raises:
            UserError: a value is out of its range, or two do not fit together.
            TypeError: there is no such field.
        """
        return replace(
            self,
            **{
                name: replace(getattr(self, name), **value) if isinstance(value, dict) else value
                for name, value in values.items()
            },
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the configuration as nested dicts, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Make a configuration from what `to_dict` returned, also after JSON and from earlier versions.

        Raises:
            UserError: a field is unknown, missing or of a wrong type or value.
        """
        require(isinstance(values, Mapping), f"a configuration is a table of fields, not {shown(values)}")
        level = find_world_config(values.get("level", cls.level))
        try:
            return _converter(level).structure(upgrade_config(values), cls)  # type: ignore[arg-type]
        except cattrs.BaseValidationError as error:
            raise UserError(_complaint(error)) from error


@cache
def _converter(world: Any) -> cattrs.Converter:
    """Return the converter from nested dicts to a configuration with such a world."""
    converter = cattrs.Converter(forbid_extra_keys=True)
    # By identity, since a hook for a class also serves its subclasses.
    converter.register_structure_hook_func(
        lambda kind: kind is WorldConfig, lambda value, _: converter.structure(value, world)
    )
    # The dataclasses check their values; cattrs would take 2.5 for 2, and any text for true.
    converter.register_structure_hook_func(is_checked, _as_field)
    for kind in (int, float, bool, str):
        converter.register_structure_hook(kind, _as_field)
    return converter


def _as_field(value: Any, kind: Any) -> Any:
    """Return a value of JSON or TOML as a field's dataclass holds it, which checks it."""
    return float(value) if type(value) is int and takes(kind, float) and abs(value) < 2**53 else value


def _complaint(error: BaseException) -> str:
    """Return in one line what is wrong with a configuration: in the words of the check that refused it, if one has."""
    own, field = error, ""
    while isinstance(own, cattrs.BaseValidationError):
        notes = [note.name for note in getattr(own, "__notes__", ()) if isinstance(note, AttributeValidationNote)]
        field += "".join(f"{name}." for name in notes)
        own = own.exceptions[0]
    if isinstance(own, UserError):
        return str(own)
    if type(own) is ValueError:  # of a world
        return f"{field}{own}"
    if isinstance(own, ForbiddenExtraKeysError):
        unknown = ", ".join(f"{field}{name}" for name in sorted(own.extra_fields))
        return f"the configuration does not fit: {own.cl.__name__} of this version of SimCore has no {unknown}"
    reasons = "; ".join(cattrs.transform_error(error, path="config"))
    return f"the configuration does not fit this version of SimCore: {reasons}"


def file_name(level: str) -> str:
    """Return the name of a world in a form that a file's name can contain."""
    return level.replace("/", "-").replace(":", "-")


def find_world_config(level: str) -> type[WorldConfig]:
    """Return the configuration class of a world.

    Raises:
        UserError: there is no such level, and it is not a Gymnasium id.
    """
    wrong = wrong_value(level, str)
    require(wrong is None, f"level must be {wrong}, not {shown(level)}")
    if is_gym_id(level):
        return GymConfig
    names = ", ".join(LEVELS)
    require(
        level in levels or ":" in level,
        f"there is no level {level!r}; there are: {names}, one of yours as module:NAME, any Gymnasium id as Name-v0",
    )
    return levels.find(level).config
