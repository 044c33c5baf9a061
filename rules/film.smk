def filmed_run(name):
    """A file of the run that is filmed: the table's last agent on MoCoDA-P, first seed."""

    def path(wildcards):
        settings = paths.section(CONFIG, wildcards)
        column = next(
            (c for c in settings.tables.columns if c.distribution == "mocoda_p"),
            settings.tables.columns[-1],
        )
        return (
            RUN.format(
                domain=wildcards.domain,
                scale=wildcards.scale,
                agent=settings.tables.agents[-1],
                distribution=column.distribution,
                dynamics=column.dynamics,
                seed=settings.seeds[0],
            )
            + f"/{name}"
        )

    return path


rule film:
    input:
        policy=filmed_run("policy.safetensors"),
        card=filmed_run("card.json"),
        episodes=filmed_run("episodes.parquet"),
    output:
        films=directory(RESULTS + "/films"),
    params:
        settings=settings_of("film"),
        code=code_of("film"),
    log:
        "logs/{domain}/{scale}/film.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/film.py"
