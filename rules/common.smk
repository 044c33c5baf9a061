# What all rules share: paths, and the settings and code that a job depends on. Snakemake sees
# neither unused settings nor imported modules, so each rule carries exactly its own as parameters.
from mocoda import workflow as paths

DATA = paths.DATA
RESULTS = paths.RESULTS
RUN = paths.RUN


def settings_of(stage):
    return lambda wildcards: paths.stage_settings(CONFIG, stage, wildcards)


def code_of(stage):
    return lambda wildcards: paths.stage_code(CONFIG, stage, wildcards)


def data_of(path):
    """A path below the data of the seed that an agent's seed learns from."""
    return lambda wildcards: f"{DATA}/{path}".format(
        **{**dict(wildcards.items()), "seed": paths.data_seed(CONFIG, wildcards)}
    )


def agent_data(wildcards):
    """The stores of an agent's data set: the logged rows, and what is generated if there is any."""
    inputs = {
        "store": data_of("empirical/store")(wildcards),
        "manifest": data_of("empirical/manifest.json")(wildcards),
    }
    if wildcards.dynamics != "none":
        inputs["augmented_store"] = data_of("augmented/{dynamics}/store")(wildcards)
        inputs["augmented_manifest"] = data_of("augmented/{dynamics}/manifest.json")(
            wildcards
        )
        selection = data_of("datasets/{distribution}/{dynamics}/selection.safetensors")
        inputs["selection"] = selection(wildcards)
    return inputs


def shown_data(path):
    """A path below the data of the first seed, whose rows the pictures show."""
    return lambda wildcards: f"{DATA}/{path}".format(
        domain=wildcards.domain,
        scale=wildcards.scale,
        seed=paths.section(CONFIG, wildcards).seeds[0],
    )


def shown_selections(wildcards):
    """The rows that each distribution of the locally factored model takes, for the first seed."""
    columns = paths.section(CONFIG, wildcards).tables.columns
    names = [c.distribution for c in columns if c.dynamics == "locally_factored"]
    return [
        shown_data(f"datasets/{name}/locally_factored/selection.safetensors")(wildcards)
        for name in names
    ]


def shown_augmented(wildcards):
    """The generated rows of the first seed that the pictures show, if the table has any."""
    columns = paths.section(CONFIG, wildcards).tables.columns
    if all(c.dynamics != "locally_factored" for c in columns):
        return {}
    return {
        "augmented_store": shown_data("augmented/locally_factored/store")(wildcards),
        "augmented_manifest": shown_data("augmented/locally_factored/manifest.json")(
            wildcards
        ),
    }


def dynamics_errors(wildcards):
    """The reports of all dynamics models of a table."""
    settings = paths.section(CONFIG, wildcards)
    used = {c.dynamics for c in settings.tables.columns if c.dynamics != "none"}
    return expand(
        f"{DATA}/report/{{dynamics}}/errors.json",
        domain=wildcards.domain,
        scale=wildcards.scale,
        seed=settings.seeds[:1] if settings.shared_data else settings.seeds,
        dynamics=sorted(used),
    )


def runs_of(name):
    """A file of each run of a table."""
    return lambda wildcards: paths.run_files(CONFIG, wildcards, name)


def filmed_run(name):
    """A file of the run that is filmed."""
    return lambda wildcards: paths.filmed_run(CONFIG, wildcards, name)
