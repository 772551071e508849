"""Scripted solvers: they plan over the block world, and act by nothing but the numbers of the level's actions.

A `Player` reads the true state of one environment of a batch. Its skills are generators that yield one action a
step, so that a whole batch is played at once. It walks along the axes from one cell's middle to the next.
"""

from collections import deque

import numpy as np

from simcore.worlds.voxel.grid import BLOCK, CLIFF, FOOD
from simcore.worlds.voxel.hand import aim
from simcore.worlds.voxel.rules import LOWEST_PITCH, REACH

SIDES = ((0, -1), (1, 0), (0, 1), (-1, 0))  # up, right, down, left, as the headings go


class Columns:
    """Where a body can stand, and get by walking, jumping one block up, and falling."""

    def __init__(self, blocks, rules):
        self.shape = blocks.shape
        self.solid = rules.solid[blocks].tobytes()
        self.deadly = rules.deadly[blocks].tobytes()
        self.food = (blocks == FOOD).tobytes()

    def at(self, table, x, y, z):
        size_x, size_y, height = self.shape
        if not (0 <= x < size_x and 0 <= y < size_y and z >= 0):
            return 1
        return table[(x * size_y + y) * height + z] if z < height else 0

    def is_solid(self, x, y, z):
        return self.at(self.solid, x, y, z)

    def is_room(self, x, y, z):
        """Tell whether a body fits in with its feet at z."""
        return not (self.is_solid(x, y, z) or self.is_solid(x, y, z + 1))

    def can_stand(self, x, y, z):
        return z > 0 and bool(self.is_solid(x, y, z - 1)) and self.is_room(x, y, z)

    def steps_from(self, x, y, z):
        for side_x, side_y in SIDES:
            to_x, to_y = x + side_x, y + side_y
            if self.can_stand(to_x, to_y, z + 1):
                if not self.is_solid(x, y, z + 2):
                    yield to_x, to_y, z + 1
            elif self.is_room(to_x, to_y, z):
                to_z = z
                while to_z > 0 and not self.is_solid(to_x, to_y, to_z - 1):
                    to_z -= 1
                if to_z > 0 and not self.at(self.deadly, to_x, to_y, to_z):
                    yield to_x, to_y, to_z

    def explore(self, start):
        """Yield each place that can be reached, nearest first, with a dict that leads back to the start."""
        came_from = {start: start}
        waiting = deque([start])
        while waiting:
            place = waiting.popleft()
            yield place, came_from
            for step in self.steps_from(*place):
                if step not in came_from:
                    came_from[step] = place
                    waiting.append(step)


def path_to(place, came_from):
    path = [place]
    while came_from[path[-1]] != path[-1]:
        path.append(came_from[path[-1]])
    return path[::-1]


class Player:
    """One environment of a batch, as its solver sees it."""

    def __init__(self, worlds, index):
        self.config, self.rules = worlds.config, worlds.rules
        self.number = {name: number for number, name in enumerate(worlds.action_names)}
        episodes = worlds.episodes
        self.blocks, self.motion = episodes.blocks[index], episodes.motion[index]
        self.facing, self.carried = episodes.facing[index], episodes.carried[index]
        self.quarter = worlds.config.turns // 4

    @property
    def place(self):
        return tuple(int(part) for part in self.motion[:3])

    def columns(self):
        return Columns(self.blocks, self.rules)

    def do(self, name):
        yield self.number[name]

    def settle(self):
        """Fall until standing; to ask for a jump in the air is to do nothing."""
        while self.motion[3] != 0 or not self.columns().is_solid(*(np.array(self.place) - (0, 0, 1))):
            yield self.number["jump"]

    def face(self, side):
        turns = self.config.turns
        off = (SIDES.index(side) * self.quarter - self.facing[0] + turns // 2) % turns - turns // 2
        for _ in range(abs(off)):
            yield from self.do("turn_right" if off > 0 else "turn_left")

    def look(self, pitch):
        while self.facing[1] != pitch:
            yield from self.do("look_up" if self.facing[1] < pitch else "look_down")

    def walk(self, path):
        for place in path[1:]:
            x, y, z = self.place
            side = (place[0] - x, place[1] - y)
            yield from self.face(side)
            if place[2] > z:
                yield from self.do("jump")
            axis = 0 if side[0] else 1
            middle = place[axis] + 0.5
            while (middle - self.motion[axis]) * side[axis] > 0.01:
                yield from self.do("forward")
            if self.motion[2] != place[2]:
                yield from self.settle()
            assert self.place == place

    def go(self, is_wanted):
        """Walk to the nearest place of which `is_wanted(columns, x, y, z)`; say whether there was one."""
        columns = self.columns()
        for place, came_from in columns.explore(self.place):
            if is_wanted(columns, *place):
                yield from self.walk(path_to(place, came_from))
                return True
        return False

    def eat(self):
        """Walk into the nearest food; say whether any can be walked into."""
        return (yield from self.go(touches_food))

    def use_hand(self, name, cell, home=None):
        """Remove the block in `cell`, or place one there, from the nearest place and pitch that can.

        The placed block must leave a way from there to `home`.
        """
        columns = self.columns()
        for place, came_from in columns.explore(self.place):
            x, y, z = place
            ahead_x, ahead_y = cell[0] - x, cell[1] - y
            distance = abs(ahead_x) + abs(ahead_y)
            if (ahead_x and ahead_y) or not 0 < distance <= REACH + 1:
                continue
            side = (int(np.sign(ahead_x)), int(np.sign(ahead_y)))
            motion = np.array([x + 0.5, y + 0.5, z, 0.0])
            direction = self.rules.directions[SIDES.index(side) * self.quarter]
            for pitch, slope in enumerate(self.rules.slopes, LOWEST_PITCH):
                hit, *cells = aim(self.blocks, motion, direction, slope)
                aimed_at = cells[3:] if name == "place" else cells[:3]
                if hit and tuple(aimed_at) == cell and self.leaves_a_way(cell, place, home):
                    yield from self.walk(path_to(place, came_from))
                    yield from self.face(side)
                    yield from self.look(pitch)
                    yield from self.do(name)
                    return
        raise AssertionError(f"nowhere to {name} {cell} from")

    def leaves_a_way(self, cell, place, home):
        blocks = self.blocks.copy()
        blocks[cell] = BLOCK
        return home is None or any(home == other for other, _ in Columns(blocks, self.rules).explore(place))

    def put(self, cell, home):
        yield from self.use_hand("place", cell, home)
        assert self.blocks[cell] == BLOCK

    def fetch(self, count):
        """Gather loose blocks until `count` are in hand."""
        while self.carried[BLOCK] < count:
            x, y, _ = self.place
            loose = [tuple(int(part) for part in cell) for cell in np.argwhere(self.blocks == BLOCK)]
            nearest = min(loose, key=lambda cell: abs(cell[0] - x) + abs(cell[1] - y))
            yield from self.use_hand("remove", nearest)

    def raise_tower(self, count):
        """Build up beneath itself: jump, and place a block where the feet were."""
        yield from self.look(LOWEST_PITCH)
        for _ in range(count):
            height = self.motion[2]
            yield from self.do("jump")
            yield from self.do("look_down")
            yield from self.do("place")
            yield from self.settle()
            assert self.motion[2] == height + 1

    def take_down_tower(self, count):
        yield from self.look(LOWEST_PITCH)
        for _ in range(count):
            yield from self.do("remove")
            yield from self.settle()


def touches_food(columns, x, y, z):
    return columns.at(columns.food, x, y, z) or columns.at(columns.food, x, y, z + 1)


def walk_to_food(player):
    """Solve Food and Terrain; where there was something to build first, with the eyes raised again."""
    yield from player.look(0)
    while (yield from player.eat()):
        pass


def tower_under_food(player):
    """Solve HighFood: a tower under each piece, a jump from its top, and the tower is taken down again."""
    yield from player.fetch(player.config.fewest_blocks)
    while (player.blocks == FOOD).any():
        food = {(int(x), int(y)): int(z) for x, y, z in np.argwhere(player.blocks == FOOD)}
        yield from player.go(lambda columns, x, y, z, food=food: (x, y) in food)
        x, y, z = player.place
        count = food[x, y] - 2 - z  # standing that high, a jump touches it
        yield from player.raise_tower(count)
        yield from player.look(0)
        yield from player.do("jump")
        yield from player.settle()
        yield from player.take_down_tower(count)


def bridge_to_food(player):
    """Solve Bridge: block after block laid on the water in a straight line, then all food walked to."""
    yield from player.fetch(player.config.fewest_blocks)
    bridge = None
    columns = player.columns()
    for place, _ in columns.explore(player.place):
        for side in SIDES:
            cells = [(place[0] + i * side[0], place[1] + i * side[1]) for i in range(1, player.config.gap + 2)]
            over_water = all(columns.at(columns.deadly, x, y, 0) == 1 for x, y in cells[:-1])
            if bridge is None and over_water and columns.can_stand(*cells[-1], place[2]):
                bridge = [(x, y, place[2] - 1) for x, y in cells[:-1]]
    for cell in bridge:
        yield from player.put(cell, player.place)
    yield from walk_to_food(player)


def stair_to_food(player):
    """Solve Cliff: a straight stair, built layer by layer, up to the nearest edge that has room for one."""
    yield from player.fetch(player.config.usual_blocks)
    rise = player.config.rise
    columns = player.columns()
    stair = None
    for (x, y, z), _ in columns.explore(player.place):
        for side_x, side_y in SIDES:
            line = [(x + i * side_x, y + i * side_y) for i in range(rise + 1)]  # from before the stair to the cliff
            if stair is None and columns.can_stand(*line[-1], z + rise) and player.blocks[(*line[-1], z)] == CLIFF:
                is_open = [columns.can_stand(*cell, z) for cell in line[:-1]]
                if all(is_open):
                    home = (x, y, z)
                    stair = [(*line[step], z + level) for level in range(rise - 1) for step in range(level + 1, rise)]
    for cell in stair:
        yield from player.put(cell, home)
    yield from walk_to_food(player)


def tower_beside_platform(player):
    """Solve Tower: a tower at the platform's side, and a jump over from its top."""
    yield from player.fetch(player.config.fewest_blocks)
    rise = player.config.rise

    def is_beside(columns, x, y, z):
        is_open = not any(columns.is_solid(x, y, level) for level in range(z, z + rise + 2))
        sides = [(x + side_x, y + side_y) for side_x, side_y in SIDES]
        return is_open and any(columns.is_solid(*side, rise) and columns.is_room(*side, rise - 2) for side in sides)

    yield from player.go(is_beside)
    yield from player.raise_tower(rise - player.place[2])
    yield from walk_to_food(player)


SOLVERS = {
    "Terrain": walk_to_food,
    "Food": walk_to_food,
    "HighFood": tower_under_food,
    "Bridge": bridge_to_food,
    "Cliff": stair_to_food,
    "CliffHard": stair_to_food,
    "HighFoodHard": tower_under_food,
    "Tower": tower_beside_platform,
}


def solve(worlds, index):
    """Yield the actions that solve the present episode of environment `index`, one a step."""
    yield from SOLVERS[worlds.level.name](Player(worlds, index))


def play(worlds, seed):
    """Let a solver play one episode everywhere; return the rewards summed, the flags of the end, and the steps."""
    worlds.reset(seed=seed)
    players = [solve(worlds, index) for index in range(worlds.num_envs)]
    totals, steps = np.zeros(worlds.num_envs), np.zeros(worlds.num_envs, int)
    terminated, over = np.zeros(worlds.num_envs, bool), np.zeros(worlds.num_envs, bool)
    while not over.all():
        actions = [0 if over[index] else next(player) for index, player in enumerate(players)]
        _, rewards, ended, cut, _ = worlds.step(np.array(actions))
        totals += np.where(over, 0, rewards)
        steps += ~over
        terminated |= ended & ~over
        over |= ended | cut
    return totals, terminated, steps
