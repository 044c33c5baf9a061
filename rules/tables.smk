rule tables:
    input:
        episodes=lambda wildcards: paths.run_files(CONFIG, wildcards, "episodes.parquet"),
        curves=lambda wildcards: paths.run_files(CONFIG, wildcards, "curve.csv"),
        cards=lambda wildcards: paths.run_files(CONFIG, wildcards, "card.json"),
        provenance=lambda wildcards: paths.run_files(
            CONFIG, wildcards, "evaluation_provenance.json"
        ),
        oracle_card="data/{domain}/{scale}/oracle/card.json",
    output:
        csv=RESULTS + "/tables.csv",
        markdown=RESULTS + "/tables.md",
        episodes=RESULTS + "/episodes.parquet",
    params:
        settings=settings_of("tables"),
        code=code_of("tables"),
    log:
        "logs/{domain}/{scale}/tables.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    conda:
        "../envs/mocoda.yaml"
    script:
        "../workflow/scripts/tables.py"


# results/<domain>/ holds the default scale's table and pictures; every scale keeps its own below.
rule default_scale:
    input:
        csv=f"results/{{domain}}/{CONFIG.default_scale}/tables.csv",
        markdown=f"results/{{domain}}/{CONFIG.default_scale}/tables.md",
        episodes=f"results/{{domain}}/{CONFIG.default_scale}/episodes.parquet",
        figures=f"results/{{domain}}/{CONFIG.default_scale}/figures",
        films=f"results/{{domain}}/{CONFIG.default_scale}/films",
    output:
        csv="results/{domain}/tables.csv",
        markdown="results/{domain}/tables.md",
        episodes="results/{domain}/episodes.parquet",
        figures=directory("results/{domain}/figures"),
    log:
        "logs/{domain}/default_scale.log",
    localrule: True
    conda:
        "../envs/mocoda.yaml"
    shell:
        "(cp {input.csv} {output.csv} && cp {input.markdown} {output.markdown}"
        " && cp {input.episodes} {output.episodes} && cp -r {input.figures} {output.figures}"
        " && cp {input.films}/*.gif {output.figures}/ || true) > {log} 2>&1"
