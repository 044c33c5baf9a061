rule figures:
    input:
        unpack(shown_augmented),
        csv=f"{RESULTS}/tables.csv",
        episodes=runs_of("episodes.parquet"),
        dynamics_errors=dynamics_errors,
        store=shown_data("empirical/store"),
        manifest=shown_data("empirical/manifest.json"),
        selections=shown_selections,
    output:
        folder=directory(f"{RESULTS}/figures"),
    log:
        "logs/{domain}/{scale}/figures.log",
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
