COPY_TABLES = (
    "(cp {input.csv} {output.csv} && cp {input.markdown} {output.markdown}"
    " && cp -r {input.figures} {output.figures}) > {log} 2>&1"
)


# Only for domains whose local graphs are known: how near masks come to them.
rule report_mask:
    input:
        mask=f"{DATA}/mask/{{mask}}/mask.safetensors",
        card=f"{DATA}/mask/{{mask}}/card.json",
    output:
        report=f"{DATA}/mask/{{mask}}/report/report.json",
        roc=f"{DATA}/mask/{{mask}}/report/roc.csv",
        provenance=f"{DATA}/mask/{{mask}}/report/provenance.json",
    log:
        "logs/{domain}/{scale}/report_mask/{mask}/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        settings=settings_of("report_mask"),
        code=code_of("report_mask"),
    script:
        "../workflow/scripts/report_mask.py"


rule validation_loss:
    input:
        unpack(chain_mask),
        store=f"{DATA}/empirical/store",
        manifest=f"{DATA}/empirical/manifest.json",
    output:
        curves=f"{DATA}/validation_loss/curves.csv",
        provenance=f"{DATA}/validation_loss/provenance.json",
    log:
        "logs/{domain}/{scale}/validation_loss/seed_{seed}.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        settings=settings_of("validation_loss"),
        code=code_of("validation_loss"),
    script:
        "../workflow/scripts/validation_loss.py"


rule mask_tables:
    input:
        reports=mask_reports("report.json"),
        curves=mask_reports("roc.csv"),
        provenance=mask_reports("provenance.json"),
        validation_loss=validation_losses,
    output:
        csv=f"{RESULTS}/mask_quality.csv",
        markdown=f"{RESULTS}/mask_quality.md",
        figures=directory(f"{RESULTS}/mask_figures"),
    log:
        "logs/{domain}/{scale}/mask_tables.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=15,
    params:
        settings=settings_of("mask_tables"),
        code=code_of("mask_tables"),
    script:
        "../workflow/scripts/mask_tables.py"


# Domains without agents: their tables are those of masks, at each scale and at the default one.
rule tables_of_masks_alone:
    input:
        csv=f"{RESULTS}/mask_quality.csv",
        markdown=f"{RESULTS}/mask_quality.md",
        figures=f"{RESULTS}/mask_figures",
    output:
        csv=f"{RESULTS}/tables.csv",
        markdown=f"{RESULTS}/tables.md",
        figures=directory(f"{RESULTS}/figures"),
    log:
        "logs/{domain}/{scale}/tables.log",
    wildcard_constraints:
        domain=names_of(WITHOUT_AGENTS),
    localrule: True
    conda:
        "../envs/mocoda.yaml"
    shell:
        COPY_TABLES


rule default_scale_masks:
    input:
        csv=f"results/{{domain}}/{CONFIG.default_scale}/tables.csv",
        markdown=f"results/{{domain}}/{CONFIG.default_scale}/tables.md",
        figures=f"results/{{domain}}/{CONFIG.default_scale}/figures",
    output:
        csv="results/{domain}/tables.csv",
        markdown="results/{domain}/tables.md",
        figures=directory("results/{domain}/figures"),
    log:
        "logs/{domain}/default_scale.log",
    wildcard_constraints:
        domain=names_of(WITHOUT_AGENTS),
    localrule: True
    conda:
        "../envs/mocoda.yaml"
    shell:
        COPY_TABLES


# Scales that differ by their mask, side by side.
rule compare_masks:
    input:
        unpack(tables_of_masks),
    output:
        csv="results/{domain}/masks.csv",
        markdown="results/{domain}/masks.md",
        provenance="results/{domain}/masks_provenance.json",
    log:
        "logs/{domain}/compare_masks.log",
    conda:
        "../envs/mocoda.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=15,
    params:
        settings=lambda wildcards: mask_scales.mask_scales_text(
            CONFIG, wildcards.domain
        ),
        code=lambda wildcards: mask_scales.mask_scales_code(CONFIG, wildcards.domain),
    script:
        "../workflow/scripts/compare_masks.py"
