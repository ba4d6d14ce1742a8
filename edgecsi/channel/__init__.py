"""Where CSI comes from: the dataset file, its readers and writers, noise and splits.

The sources, :mod:`edgecsi.channel.tr38901` (generate) and :mod:`edgecsi.channel.mat` (import), are imported
by name: the first brings torch and Sionna.
"""

from edgecsi.channel.dataset import Dataset
from edgecsi.channel.info import ChannelInfo
from edgecsi.channel.noise import add_noise
from edgecsi.channel.splits import Split, split
from edgecsi.channel.writer import DatasetWriter, write_dataset

__all__ = ["ChannelInfo", "Dataset", "DatasetWriter", "Split", "add_noise", "split", "write_dataset"]
