"""Addresses of the project."""

from django.http import JsonResponse
from django.urls import include, path
from oauth2_provider import urls as oauth2_urls
from oauth2_provider.decorators import protected_resource


@protected_resource(scopes=["profile"])
def me(request):
    """Say whose token it is."""
    return JsonResponse({"name": request.resource_owner.username})


urlpatterns = [
    path("accounts/", include("django.contrib.auth.urls")),
    path("o/", include(oauth2_urls)),
    path("", include(oauth2_urls.metadata_urlpatterns)),
    path("me", me),
]
