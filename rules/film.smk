rule film:
    input:
        policy=filmed_run("policy.safetensors"),
        card=filmed_run("card.json"),
        episodes=filmed_run("episodes.parquet"),
    output:
        films=directory(f"{RESULTS}/films"),
    log:
        "logs/{domain}/{scale}/film.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=settings_of("film"),
        code=code_of("film"),
    script:
        "../workflow/scripts/film.py"
