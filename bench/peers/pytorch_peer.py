"""PyTorch on the CPU, asked over the lines of `protocol.py`.

Arrays come as raw little-endian files in one folder; times are of whole epochs, in milliseconds.
"""

import os
import warnings

from protocol import Clock, serve, take_output

answers = take_output()

# NumPy is not installed beside it, and not needed.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

import torch
from torch import nn
from torch.nn.functional import cross_entropy


def mlp():
    return nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def cnn():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1568, 10),
    )  # fmt: skip


class Peer:
    def load(self, folder, threads):
        """Reads `train_images`, `train_labels`, `validation_images` and `validation_labels`."""
        torch.set_num_threads(threads)
        self.parts = {part: self.read(folder, part) for part in ("train", "validation")}
        return {"torch": torch.__version__}

    def mlp_epochs(self, epochs, batch, learning_rate, seed):
        return self.train(mlp, (784,), torch.contiguous_format, epochs, batch, learning_rate, seed)

    def cnn_epochs(self, epochs, batch, learning_rate, seed):
        return self.train(cnn, (1, 28, 28), torch.channels_last, epochs, batch, learning_rate, seed)

    def train(self, make, shape, memory_format, epochs, batch, learning_rate, seed):
        """One epoch to warm up, then `epochs` that are timed; losses are of all of them, in their order."""
        torch.manual_seed(seed)
        (images, labels), (others, answers) = [
            (images.view(-1, *shape).to(memory_format=memory_format), labels)
            for images, labels in self.parts.values()
        ]
        model = make().to(memory_format=memory_format)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
        walls, cpus, losses = [], [], []
        for _ in range(1 + epochs):
            with Clock() as clock:
                total = torch.zeros(())
                for rows in torch.randperm(len(labels)).split(batch):
                    optimizer.zero_grad(set_to_none=True)
                    loss = cross_entropy(model(images.index_select(0, rows)), labels.index_select(0, rows))
                    loss.backward()
                    optimizer.step()
                    total += loss.detach() * len(rows)
                losses.append(total.item() / len(labels))
            walls.append(clock.wall)
            cpus.append(clock.cpu)
        with torch.inference_mode():
            accuracy = (model(others).argmax(1) == answers).float().mean().item()
        return {"walls": walls[1:], "cpus": cpus[1:], "losses": losses, "accuracy": accuracy}

    def read(self, folder, part):
        images = self.array(folder, f"{part}_images", torch.float32, 4).view(-1, 784)
        labels = self.array(folder, f"{part}_labels", torch.int32, 4).long()
        return images, labels

    def array(self, folder, name, dtype, size):
        path = os.path.join(folder, name)
        # A copy: the file is mapped otherwise, and its pages would come in during the first epoch.
        return torch.from_file(path, size=os.path.getsize(path) // size, dtype=dtype).clone()


serve(Peer(), answers)
