"""All the nets of a run, made from its configuration."""

from dataclasses import dataclass

from torch import nn

from simcore.agent import Agent, belief_input_size
from simcore.config import Config
from simcore.frame_models import GECO, Contrastive, ConvDRAW, Deterministic, FrameModel
from simcore.memory import Kanerva, Memory, Slots
from simcore.probes import MapModel, Probes
from simcore.simulation import SimCoreHead


@dataclass(frozen=True)
class WorldSizes:
    """What the nets must know of the worlds."""

    frame_size: int
    """Height and width of the frames, in pixels."""
    num_actions: int
    """Discrete actions."""
    map_size: int | None
    """N: the true map is N x N cells; None where the world tells neither map nor pose."""
    num_headings: int
    """Headings that the agent can have."""


def make_memory(config: Config, input_size: int, writes: bool = True) -> Memory | None:
    """Make the memory of a core with inputs of `input_size`; the simulation's never writes (App. B)."""
    hidden_size, slots, kanerva = config.agent.hidden_size, config.slots, config.kanerva
    if config.core == "slots":
        sizes = (slots.memory_size, slots.word_size, slots.reads, slots.top_k)
        return Slots(input_size, hidden_size, *sizes, writes=writes)
    if config.core == "kanerva":
        nets = (kanerva.noise_variance, kanerva.read_hidden, kanerva.write_hidden)
        return Kanerva(input_size, hidden_size, kanerva.memory_size, kanerva.word_size, *nets, writes=writes)
    return None


def make_frame_model(config: Config, frame_size: int, belief_size: int) -> FrameModel:
    """Make the model of the frames that the simulation foresees."""
    if config.frame_model == "deterministic":
        return Deterministic(belief_size, frame_size, config.deterministic.channels, config.deterministic.weight)
    if config.frame_model == "contrastive":
        sizes = config.contrastive
        return Contrastive(
            belief_size,
            frame_size,
            sizes.negatives,
            sizes.embedding_size,
            sizes.hidden_size,
            config.agent.encoder_channels,
        )
    draw, geco = config.convdraw, config.geco
    return ConvDRAW(
        belief_size,
        GECO(geco.kappa, geco.rate, geco.decay, geco.initial),
        frame_size,
        draw.steps,
        draw.latent_channels,
        draw.state_channels,
        draw.encoder_channels,
        draw.decoder_channels,
        draw.kernel_size,
    )


def make_simulation(config: Config, sizes: WorldSizes, belief_size: int) -> SimCoreHead:
    """Make the simulation core, and the model of the frames that it foresees."""
    simulation = config.simulation
    return SimCoreHead(
        sizes.num_actions,
        config.agent.hidden_size,
        make_frame_model(config, sizes.frame_size, belief_size),
        simulation.overshoot,
        simulation.mask_episode_ends,
        make_memory(config, sizes.num_actions, writes=False),
    )


def make_probes(config: Config, sizes: WorldSizes, belief_size: int) -> Probes:
    """Make the probes of a belief, or of whatever else has `belief_size` features."""
    assert sizes.map_size is not None, "the configuration sees to it that there is a map"
    probes = config.probes
    return Probes(belief_size, sizes.map_size, sizes.num_headings, probes.hidden_size, probes.layers, probes.channels)


def make_map_model(config: Config, sizes: WorldSizes, belief_size: int) -> MapModel:
    """Make the model of the map given the belief, of the frame model's sizes."""
    assert sizes.map_size is not None, "the configuration sees to it that there is a map"
    return MapModel(
        belief_size,
        sizes.map_size,
        config.probes.map_kappa,
        config.geco.rate,
        config.geco.decay,
        **vars(config.convdraw),
    )


class SimCore(nn.Module):
    """Agent, simulation with its frame model, and probes; all but the first are None where there is none."""

    def __init__(self, config: Config, sizes: WorldSizes) -> None:
        super().__init__()
        agent = config.agent
        self.agent = Agent(
            sizes.frame_size,
            sizes.num_actions,
            agent.hidden_size,
            agent.embedding_size,
            agent.encoder_channels,
            make_memory(config, belief_input_size(agent.embedding_size, sizes.num_actions)),
            acts=config.policy == "agent",
        )
        belief_size = self.agent.core.output_size
        self.simulation = make_simulation(config, sizes, belief_size) if config.has_frame_model else None
        self.probes = make_probes(config, sizes, belief_size) if config.has_probes else None
        # Last, so that the other nets' first weights are the same with and without it.
        self.map_model = make_map_model(config, sizes, belief_size) if config.probes.map_convdraw else None
