"""Keys of PaddleX's and PaddleOCR's configs that people bring along, and what stands for them here."""

from __future__ import annotations

from collections.abc import Mapping

FOREIGN_KEYS: Mapping[str, str] = {
    "Global.mode": "the command itself: sealkit data check, train, eval, export or infer",
    "Global.module": "module",
    "Global.model": "model",
    "Global.dataset_dir": "data.train.0.root and data.val.0.root",
    "Global.output": "output",
    "Global.device": "train.device",
    "Global.epoch_num": "train.epochs",
    "Global.pretrained_model": "weights.init",
    "Global.checkpoints": "the flag --resume",
    "Global.save_model_dir": "output",
    "Global.use_gpu": "train.device",
    "Global.eval_batch_step": "eval.every_steps",
    "Global.character_dict_path": "dictionary",
    "Global.seed": "seed",
    "CheckDataset.convert.enable": "the command sealkit data convert",
    "CheckDataset.convert.src_dataset_type": "the flag --from of sealkit data convert, which finds it by itself",
    "CheckDataset.split.enable": "the command sealkit data split",
    "CheckDataset.split.train_percent": "the flag --shares of sealkit data split (0.8 0.2)",
    "CheckDataset.split.val_percent": "the flag --shares of sealkit data split (0.8 0.2)",
    "Train.num_classes": "data.classes of layout models; the others take the labels' or have fixed ones",
    "Train.dy2st": "not needed: training runs without a static graph, and export writes one",
    "Train.epochs_iters": "train.epochs",
    "Train.batch_size": "train.batch_size",
    "Train.learning_rate": "optimizer.lr",
    "Train.pretrain_weight_path": "weights.init",
    "Train.resume_path": "the flag --resume",
    "Train.warmup_steps": "schedule.warmup_steps",
    "Train.log_interval": "train.log_every",
    "Train.eval_interval": "eval.every_epochs",
    "Train.save_interval": "eval.every_epochs (a checkpoint follows each evaluation) or train.save_every_steps",
    "Train.loader.batch_size_per_card": "train.batch_size",
    "Train.loader.num_workers": "train.num_workers",
    "Train.dataset.data_dir": "data.train.0.root",
    "Train.dataset.label_file_list": "data.train.0.labels",
    "Eval.dataset.data_dir": "data.val.0.root",
    "Eval.dataset.label_file_list": "data.val.0.labels",
    "Evaluate.weight_path": "the flag --checkpoint",
    "Evaluate.log_interval": "not needed: an evaluation shows its progress",
    "Export.weight_path": "the flag --checkpoint",
    "Predict.batch_size": "batch_size of a module in a pipeline config",
    "Predict.input": "the argument of sealkit infer",
    "Predict.model_dir": "sealkit infer --model NAME --model-dir DIR, or --det, --rec, --layout, --ori DIR",
    "Predict.kernel_option.run_mode": "sealkit infer --engine-config '{run_mode: …}'",
    "Optimizer.lr.learning_rate": "optimizer.lr",
    "Optimizer.lr.warmup_epoch": "schedule.warmup_epochs",
}

FOREIGN_BLOCKS = (
    "Global", "CheckDataset", "Train", "Evaluate", "Eval", "Export", "Predict", "Architecture", "Optimizer", "Loss",
    "PostProcess", "Metric",
)  # fmt: skip
"""Blocks of their configs; no recipe has one of these names."""


def foreign_key(name: str) -> str | None:
    """What to write in place of a key of PaddleX or PaddleOCR; None where it is none of theirs."""
    if name in FOREIGN_KEYS:
        return f"here it is {FOREIGN_KEYS[name]}"
    block, _, rest = name.partition(".")
    if block not in FOREIGN_BLOCKS:
        return None
    inside = [key for key in FOREIGN_KEYS if key.startswith(f"{name}.")]
    if not rest and inside:
        return "; ".join(f"{key}: {FOREIGN_KEYS[key]}" for key in inside)
    return "it has no counterpart; `sealkit show RECIPE` prints what there is"
