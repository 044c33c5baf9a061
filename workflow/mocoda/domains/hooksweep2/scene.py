"""The MuJoCo scene of HookSweep2: a Fetch arm that holds a hook, a table and two boxes.

Built with MjSpec from the Fetch model that ships in the installed gymnasium-robotics package;
that package itself is never imported (its own Fetch environments fail on current MuJoCo).

Collision model (our choice): the hook, the boxes, the table and the floor collide; the robot's
meshes and fingers do not. A step then takes 0.6 of the time. Every body of the robot has an
explicit inertia, so leaving its meshes out changes nothing but contacts. What it changes: with
all shapes colliding and the same actions the gripper's path differs by 0.2 mm in the median on
"away" episodes, but by 27 mm (255 mm at the 95th percentile) on "toward" ones, where the folded
forearm would push against the robot's head and torso. The scripted two-box oracle succeeds in 59
of 60 episodes there and in 60 of 60 here.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from mocoda.errors import UserError

TIMESTEP = 0.002  # seconds
SUBSTEPS = 20
STEP_SECONDS = TIMESTEP * SUBSTEPS

TABLE_CENTRE = (1.85, 0.75)  # metres, x (away from the robot) and y
TABLE_HALF_SIZE = (0.77, 0.6)
TABLE_TOP = 0.4
BOX_HALF_SIZE = 0.025
BOX_MASS = 2.0  # kg
BOX_NAMES = ("box_1", "box_2")
BOX_COLOURS = ((0.85, 0.2, 0.2, 1.0), (0.2, 0.35, 0.85, 1.0))

HOOK_MASS = 50.0  # kg, each of its two parts
# The hook in the world, relative to the grip site (metres): the head is a bar across the end of
# the shaft, the shaft a bar along x from the gripper to the head.
HEAD_OFFSET = (0.65, -0.085)
HEAD_HALF_SIZE = (0.015, 0.1)
SHAFT_HALF_WIDTH = 0.015

# Sideways and forward positions of the mobile base, and the pose of the gripper at reset.
BASE_POSITION = {"robot0:slide0": 0.405, "robot0:slide1": 0.48, "robot0:slide2": 0.0}
GRIPPER_SHIFT = (-0.498, 0.005, -0.431 + 0.2)
GRIPPER_QUATERNION = np.array([1.0, 0.0, 1.0, 0.0]) / np.sqrt(2.0)


def fetch_model_path() -> Path:
    """The Fetch scene inside the installed gymnasium-robotics package, found without import.

    Raises UserError where the package or its file is missing.
    """
    found = importlib.util.find_spec("gymnasium_robotics")
    locations = list(found.submodule_search_locations or []) if found else []
    path = Path(locations[0], "envs", "assets", "fetch", "push.xml") if locations else Path()
    if not locations or not path.is_file():
        raise UserError(
            "domain hooksweep2",
            expected="the Fetch model of the package gymnasium-robotics",
            found=f"no file {path}" if locations else "no such package",
            remedy="Install it: pip install 'gymnasium-robotics>=1.3'.",
        )
    return path


def _delete_robot_shapes(spec: Any, *, visual: bool) -> None:
    """Take the robot's shapes out of the physics, or out of the scene altogether."""
    for geom in list(spec.geoms):
        if visual and geom.name.startswith("robot0:"):
            geom.contype = 0
            geom.conaffinity = 0
        elif geom.name != "floor0":
            spec.delete(geom)
    if not visual:
        for kind in (spec.meshes, spec.textures, spec.materials):
            for element in list(kind):
                spec.delete(element)
        for geom in spec.geoms:
            geom.material = ""


def _add_hook(spec: Any) -> None:
    gripper = spec.body("robot0:gripper_link")
    quaternion = np.zeros(4)
    mujoco.mju_euler2Quat(quaternion, np.full(3, 1.57), "xyz")
    hook = gripper.add_body(name="hook", pos=[0.022, 0.0, 0.3], quat=quaternion)
    parts = {
        "hook_shaft": ([0.0, 0.0, 0.0], [0.35, SHAFT_HALF_WIDTH, 0.03]),
        "hook_head": ([0.35, 0.085, 0.0], [*HEAD_HALF_SIZE, 0.03]),
    }
    for name, (position, size) in parts.items():
        hook.add_geom(
            spec.default,
            name=name,
            type=mujoco.mjtGeom.mjGEOM_BOX,
            pos=position,
            size=size,
            mass=HOOK_MASS,
            rgba=[0.95, 0.75, 0.15, 1.0],
        )


def _add_table_and_boxes(spec: Any) -> None:
    table = spec.worldbody.add_body(name="table", pos=[*TABLE_CENTRE, TABLE_TOP / 2])
    table.add_geom(
        name="table",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[*TABLE_HALF_SIZE, TABLE_TOP / 2],
        rgba=[0.9, 0.9, 0.88, 1.0],
    )
    for index, name in enumerate(BOX_NAMES):
        position = [TABLE_CENTRE[0], TABLE_CENTRE[1] + 0.2 * index - 0.1, TABLE_TOP + BOX_HALF_SIZE]
        box = spec.worldbody.add_body(name=name, pos=position)
        # Set by hand: the model's default damping would otherwise be the robot's.
        box.add_joint(name=name, type=mujoco.mjtJoint.mjJNT_FREE, damping=[0.01, 0.0, 0.0])
        box.add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_BOX,
            size=[BOX_HALF_SIZE] * 3,
            mass=BOX_MASS,
            rgba=list(BOX_COLOURS[index]),
        )
        if index == 0:
            camera_position = [1.75, -0.55, 1.55]
            spec.worldbody.add_camera(
                name="film",
                pos=camera_position,
                xyaxes=[1.0, 0.0, 0.0, 0.0, 0.65, 0.76],
                fovy=50,
            )
    for index, name in enumerate(BOX_NAMES):
        # Goals: shown in films only, placed there by the film.
        goal = spec.worldbody.add_body(name=f"goal_{name}", mocap=True, pos=[0.0, 0.0, -1.0])
        goal.add_geom(
            name=f"goal_{name}",
            type=mujoco.mjtGeom.mjGEOM_CYLINDER,
            size=[0.14, 0.001, 0.0],
            contype=0,
            conaffinity=0,
            rgba=[*BOX_COLOURS[index][:3], 0.3],
        )


def build_specification(*, visual: bool) -> Any:
    """The scene as an MjSpec; `visual` keeps the robot's meshes (without collisions) for films.

    Raises UserError where the Fetch model is missing.
    """
    spec = mujoco.MjSpec.from_file(str(fetch_model_path()))
    spec.option.timestep = TIMESTEP
    spec.delete(spec.body("object0"))
    spec.delete(spec.body("table0"))
    spec.delete(spec.body("robot0:external_camera_body_0"))
    # The published task's fingers are rigid: the action's fourth component does nothing.
    for side in "rl":
        spec.delete(spec.joint(f"robot0:{side}_gripper_finger_joint"))
    _delete_robot_shapes(spec, visual=visual)
    spec.geom("floor0").size = [4.0, 4.0, 1.0]
    _add_hook(spec)
    _add_table_and_boxes(spec)
    spec.memory = 4 << 20
    spec.visual.quality.shadowsize = 512  # small: films are often drawn without a GPU
    spec.visual.quality.offsamples = 1
    return spec


@functools.lru_cache(maxsize=2)
def compiled_model(visual: bool = False) -> Any:
    """The compiled scene (one a process and kind); its dynamics are the same for both kinds."""
    model = build_specification(visual=visual).compile()
    # The weld holds the gripper at the mocap body itself; compiling had stored the difference of
    # their poses at qpos = 0. Layout: anchor (3), relative position (3), quaternion (4), scale.
    model.eq_data[0, :10] = (0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
    return model
