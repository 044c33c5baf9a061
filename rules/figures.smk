rule figures:
    input:
        csv=f"{RESULTS}/tables.csv",
        episodes=runs_of("episodes.parquet"),
        dynamics_cards=dynamics_cards,
        store=shown_data("empirical/store"),
        manifest=shown_data("empirical/manifest.json"),
        augmented_store=shown_data("augmented/locally_factored/store"),
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
