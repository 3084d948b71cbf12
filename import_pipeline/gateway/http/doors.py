"""The doors of the service.

Belongs here: naming them. Does not belong here: anything else.
"""

from import_pipeline.gateway.http.advocate.door import AdvocateDoor
from import_pipeline.gateway.http.door import Door
from import_pipeline.gateway.http.engaging_networks.door import EngagingNetworksDoor
from import_pipeline.gateway.http.spotio.door import SpotioDoor

DOORS: tuple[Door, ...] = (SpotioDoor(), AdvocateDoor(), EngagingNetworksDoor())
