"""A provider's own parts: models and storage on the app's database."""

from .models import Models, provider_models
from .storage import SQLAlchemyStorage
from .sweep import Swept, sweep

__all__ = ["Models", "SQLAlchemyStorage", "Swept", "provider_models", "sweep"]
