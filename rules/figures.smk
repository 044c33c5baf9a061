def shown_data(path):
    """A path below the data of the first seed, whose rows the pictures show."""
    return lambda wildcards: (DATA + path).format(
        domain=wildcards.domain, scale=wildcards.scale, seed=paths.section(CONFIG, wildcards).seeds[0]
    )


def dynamics_cards(wildcards):
    """The cards of all dynamics models of a table."""
    settings = paths.section(CONFIG, wildcards)
    used = {c.dynamics for c in settings.tables.columns if c.dynamics != "none"}
    seeds = settings.seeds[:1] if settings.shared_data else settings.seeds
    return expand(
        DATA + "/dynamics/{dynamics}/card.json",
        domain=wildcards.domain,
        scale=wildcards.scale,
        seed=seeds,
        dynamics=sorted(used),
    )


def shown_selections(wildcards):
    """The rows that each distribution of the locally factored model takes, for the first seed."""
    columns = paths.section(CONFIG, wildcards).tables.columns
    names = [c.distribution for c in columns if c.dynamics == "locally_factored"]
    return [
        shown_data(f"/datasets/{name}/locally_factored/selection.safetensors")(wildcards)
        for name in names
    ]


rule figures:
    input:
        csv=RESULTS + "/tables.csv",
        episodes=lambda wildcards: paths.run_files(CONFIG, wildcards, "episodes.parquet"),
        dynamics_cards=dynamics_cards,
        store=shown_data("/empirical/store"),
        manifest=shown_data("/empirical/manifest.json"),
        augmented_store=shown_data("/augmented/locally_factored/store"),
        selections=shown_selections,
    output:
        folder=directory(RESULTS + "/figures"),
    params:
        settings=settings_of("figures"),
        code=code_of("figures"),
    log:
        "logs/{domain}/{scale}/figures.log",
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/figures.py"
