"""Where data come from: one file a layout, one row here each."""

from core.data.sources.base import AUTO, DataSource, Listing, SourceItem, data_sources
from core.data.sources.celebdf import CelebDF
from core.data.sources.df40 import DF40
from core.data.sources.dfdc import DFDC
from core.data.sources.ffpp import FaceForensics
from core.data.sources.find import checked, find, recognised
from core.data.sources.folder import RealFake
from core.data.sources.manifest import Dialects
from core.data.sources.roadwork import Roadwork

data_sources.add("ffpp", FaceForensics())
data_sources.add("celebdf", CelebDF())
data_sources.add("dfdc", DFDC())
data_sources.add("df40", DF40())
data_sources.add("roadwork", Roadwork())
data_sources.add("folder", RealFake())
data_sources.add("manifest", Dialects())

__all__ = ["AUTO", "DataSource", "Listing", "SourceItem", "checked", "data_sources", "find", "recognised"]
