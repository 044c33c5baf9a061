# Only for domains in closed form: which rows of each data set obey the true dynamics.
rule validity:
    input:
        unpack(all_generated),
        real_stores=of_data_seeds("empirical/store"),
        real_manifests=of_data_seeds("empirical/manifest.json"),
    output:
        csv=f"{RESULTS}/validity.csv",
        provenance=f"{RESULTS}/validity_provenance.json",
    log:
        "logs/{domain}/{scale}/validity.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        settings=settings_of("validity"),
        code=code_of("validity"),
    script:
        "../workflow/scripts/validity.py"
