# What all rules share: paths, and the settings and code that a job depends on. Snakemake sees
# neither unused settings nor imported modules, so each rule carries exactly its own as parameters.
from mocoda import agent_runs
from mocoda import logged_inputs
from mocoda import mask_scales
from mocoda import workflow as paths
from mocoda.code_version import code_version
from mocoda.config_tables import Column

DATA = paths.DATA
RESULTS = paths.RESULTS
RUN = agent_runs.RUN
WITH_AGENTS = [name for name in CONFIG.domains if paths.has_agents(CONFIG, name)]
WITHOUT_AGENTS = [name for name in CONFIG.domains if name not in WITH_AGENTS]


def settings_of(stage):
    return lambda wildcards: paths.stage_settings(CONFIG, stage, wildcards)


def code_of(stage):
    return lambda wildcards: paths.stage_code(CONFIG, stage, wildcards)


def logged_file(wildcards):
    """The user's file of logged transitions, where the settings name one."""
    found = logged_inputs.logged_file(CONFIG, wildcards)
    return {"logged": found} if found else {}


def logged_file_as_seen(wildcards):
    """Size and time of that file: a change reruns the job, to an older file too."""
    return logged_inputs.logged_file_as_seen(CONFIG, wildcards)


def chain_mask(wildcards):
    """The mask that the later stages of a seed use."""
    return paths.chain_mask(CONFIG, wildcards)


def augmentation_inputs(wildcards):
    """What generated rows are made from."""
    return paths.augmentation_inputs(CONFIG, wildcards)


def stores_of(wildcards, distribution, dynamics, seed):
    """The stores of a data set: the logged rows, and what is generated if there is any."""
    settings = paths.section(CONFIG, wildcards)
    folder = DATA.format(
        domain=wildcards.domain,
        scale=paths.data_scale(CONFIG, wildcards),
        seed=settings.seeds[0] if settings.shared_data else seed,
    )
    files = {
        "store": "empirical/store",
        "manifest": "empirical/manifest.json",
        **paths.generated_files(Column(distribution=distribution, dynamics=dynamics)),
    }
    return {name: f"{folder}/{file}" for name, file in files.items()}


def agent_data(wildcards):
    """What a run learns from, or what a job of several runs learned for it."""
    run = (wildcards.distribution, wildcards.dynamics, int(wildcards.seed))
    if agent_runs.takes_part(paths.section(CONFIG, wildcards), *run):
        return agent_runs.trained(wildcards.agent, wildcards.domain, wildcards.scale)
    return stores_of(wildcards, *run)


def run_gpus(wildcards):
    """GPUs that a run asks for: none where a job of several runs trains it."""
    run = (wildcards.distribution, wildcards.dynamics, int(wildcards.seed))
    if agent_runs.takes_part(paths.section(CONFIG, wildcards), *run):
        return 0
    return side_by_side_gpus(wildcards)


def side_by_side_gpus(wildcards):
    """GPUs that a job which trains agents asks for."""
    device = paths.section(CONFIG, wildcards).train_offline_agent.device
    return 1 if device == "cuda" else 0


def side_by_side_data(wildcards):
    """Lists of the stores of all runs of an agent, one entry a run (or a generated data set)."""
    found = {}
    for run in agent_runs.side_by_side_runs(paths.section(CONFIG, wildcards)):
        stores = stores_of(wildcards, run["distribution"], run["dynamics"], run["seed"])
        for name, path in stores.items():
            found.setdefault(f"{name}s", []).append(path)
    return found


def generated_data(wildcards):
    """The generated rows that a selection is made from."""
    column = Column(distribution=wildcards.distribution, dynamics=wildcards.dynamics)
    files = paths.generated_files(column)
    names = {"store": "augmented_store", "manifest": "augmented_manifest"}
    return {name: f"{DATA}/{files[key]}" for name, key in names.items()}


def shown_data(path):
    """A path below the data of the first seed, whose rows the pictures show."""
    return lambda wildcards: f"{DATA}/{path}".format(
        domain=wildcards.domain,
        scale=paths.data_scale(CONFIG, wildcards),
        seed=paths.section(CONFIG, wildcards).seeds[0],
    )


def shown_generated(wildcards):
    """Lists of the first seed's generated rows and selections, one entry a generated column."""
    columns = paths.generated_columns(CONFIG, wildcards)
    names = ("augmented_store", "augmented_manifest", "selection")
    return {
        f"{name}s": [
            shown_data(paths.generated_files(column)[name])(wildcards)
            for column in columns
        ]
        for name in names
    }


def shown_in_closed_form(wildcards):
    """What is only drawn where the truth is known: models, masks and policies of the first seed."""
    if not paths.closed_form(wildcards):
        return {}
    settings = paths.section(CONFIG, wildcards)
    models = paths.table_dynamics(CONFIG, wildcards)
    mask = f"mask/{paths.chain_mask_kind(CONFIG, wildcards)}"
    folders = [
        agent_runs.RUN.format(
            domain=wildcards.domain,
            scale=wildcards.scale,
            agent=agent,
            distribution=distribution,
            dynamics=dynamics,
            seed=settings.seeds[0],
        )
        for agent, distribution, dynamics in agent_runs.cells(
            CONFIG, wildcards.domain, wildcards.scale
        )
    ]
    return {
        "mask": shown_data(f"{mask}/mask.safetensors")(wildcards),
        "mask_card": shown_data(f"{mask}/card.json")(wildcards),
        "dynamics": [
            shown_data(f"dynamics/{name}/dynamics.safetensors")(wildcards)
            for name in models
        ],
        "dynamics_cards": [
            shown_data(f"dynamics/{name}/card.json")(wildcards) for name in models
        ],
        "policies": [f"{folder}/policy.safetensors" for folder in folders],
        "policy_cards": [f"{folder}/card.json" for folder in folders],
        "validity": f"{RESULTS}/validity.csv".format(**dict(wildcards.items())),
    }


def oracle_files(*names):
    """Files of the scripted oracle, where the domain has one."""
    return lambda wildcards: paths.oracle_files(CONFIG, wildcards, names)


def of_data_seeds(path, **names):
    """A path below the data of every seed that has data of its own."""

    def files(wildcards):
        settings = paths.section(CONFIG, wildcards)
        return expand(
            f"{DATA}/{path}",
            domain=wildcards.domain,
            scale=paths.data_scale(CONFIG, wildcards),
            seed=settings.seeds[:1] if settings.shared_data else settings.seeds,
            **names,
        )

    return files


def dynamics_errors(wildcards):
    """The reports of all dynamics models of a table, object by object, where there are objects."""
    if paths.closed_form(wildcards):
        return []
    names = paths.table_dynamics(CONFIG, wildcards)
    return of_data_seeds("report/{dynamics}/errors.json", dynamics=names)(wildcards)


def table_of_model_errors(wildcards):
    """The measured cells of the table of model errors, and the share of valid rows."""
    if not paths.closed_form(wildcards):
        return {}
    names = paths.table_dynamics(CONFIG, wildcards)
    measured = of_data_seeds("model_error/{dynamics}/errors.csv", dynamics=names)
    table = paths.section(CONFIG, wildcards).tables.model_error
    found = {"validity": f"{RESULTS}/validity.csv".format(**dict(wildcards.items()))}
    return {**found, "model_errors": measured(wildcards)} if table else found


def model_error_data(wildcards):
    """Lists of the rows that models are measured on, one entry a generated column."""
    table = paths.model_error_table(CONFIG, wildcards)
    files = [paths.generated_files(column) for column in table.columns]
    names = ("augmented_store", "augmented_manifest", "selection")
    return {
        f"{name}s": [f"{DATA}/{file[name]}" for file in files if file] for name in names
    }


def all_generated(wildcards):
    """Lists of the generated rows of all seeds: one entry a generated column and seed."""
    columns = paths.generated_columns(CONFIG, wildcards)
    names = ("augmented_store", "augmented_manifest", "selection")
    return {
        f"{name}s": [
            file
            for column in columns
            for file in of_data_seeds(paths.generated_files(column)[name])(wildcards)
        ]
        for name in names
    }


def tables_of_masks(wildcards):
    """Tables of the scales that differ by their mask."""
    return mask_scales.tables_of_masks(CONFIG, wildcards.domain)


def tables_of_ablations(wildcards):
    """Tables of the scales that change one thing each."""
    return [
        f"results/{wildcards.domain}/{scale}/tables.csv"
        for scale in paths.ablations(CONFIG, wildcards.domain)
    ]


def mask_reports(name):
    """A file of the report of each compared mask of each seed."""

    def files(wildcards):
        masks = paths.compared_masks(CONFIG, wildcards)
        return of_data_seeds(f"mask/{{mask}}/report/{name}", mask=masks)(wildcards)

    return files


def validation_losses(wildcards):
    """The learning curves of `validation_loss`, where the table has them."""
    if paths.section(CONFIG, wildcards).tables.validation_loss is None:
        return []
    return of_data_seeds("validation_loss/curves.csv")(wildcards)


def names_of(domains):
    """A pattern of these domains alone; one that nothing matches where there are none."""
    return "|".join(domains) or "(?!)"


def default_scale_validity(wildcards):
    """The table of valid rows beside the others, where there is one."""
    return (
        [f"results/{wildcards.domain}/validity.csv"]
        if paths.closed_form(wildcards)
        else []
    )


def runs_of(name):
    """A file of each run of a table."""
    return lambda wildcards: agent_runs.run_files(CONFIG, wildcards, name)


def filmed_run(name):
    """A file of the run that is filmed."""
    return lambda wildcards: agent_runs.filmed_run(CONFIG, wildcards, name)
