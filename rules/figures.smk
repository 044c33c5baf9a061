rule figures:
    input:
        unpack(shown_generated),
        unpack(shown_in_closed_form),
        csv=f"{RESULTS}/tables.csv",
        episodes=runs_of("episodes.parquet"),
        dynamics_errors=dynamics_errors,
        store=shown_data("empirical/store"),
        manifest=shown_data("empirical/manifest.json"),
    output:
        folder=directory(f"{RESULTS}/figures"),
    log:
        "logs/{domain}/{scale}/figures.log",
    wildcard_constraints:
        domain=names_of(WITH_AGENTS),
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        settings=settings_of("figures"),
        code=code_of("figures"),
    script:
        "../workflow/scripts/figures.py"
