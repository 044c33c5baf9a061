rule tables:
    input:
        unpack(table_of_model_errors),
        unpack(oracle_files("card")),
        episodes=runs_of("episodes.parquet"),
        curves=runs_of("curve.csv"),
        cards=runs_of("card.json"),
        provenance=runs_of("evaluation_provenance.json"),
    output:
        csv=f"{RESULTS}/tables.csv",
        markdown=f"{RESULTS}/tables.md",
        episodes=f"{RESULTS}/episodes.parquet",
        provenance=f"{RESULTS}/provenance.json",
    log:
        "logs/{domain}/{scale}/tables.log",
    wildcard_constraints:
        domain=names_of(WITH_AGENTS),
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=settings_of("tables"),
        code=code_of("tables"),
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
        validity=default_scale_validity,
    output:
        csv="results/{domain}/tables.csv",
        markdown="results/{domain}/tables.md",
        episodes="results/{domain}/episodes.parquet",
        figures=directory("results/{domain}/figures"),
    log:
        "logs/{domain}/default_scale.log",
    wildcard_constraints:
        domain=names_of(WITH_AGENTS),
    localrule: True
    conda:
        "../envs/mocoda.yaml"
    shell:
        "(cp {input.csv} {output.csv} && cp {input.markdown} {output.markdown}"
        " && cp {input.episodes} {output.episodes} && cp -r {input.figures} {output.figures}"
        " && {{ cp {input.films}/* {output.figures}/ || true; }}) > {log} 2>&1"


rule default_scale_validity:
    input:
        f"results/{{domain}}/{CONFIG.default_scale}/validity.csv",
    output:
        "results/{domain}/validity.csv",
    log:
        "logs/{domain}/default_scale_validity.log",
    localrule: True
    conda:
        "../envs/mocoda.yaml"
    shell:
        "cp {input} {output} > {log} 2>&1"
